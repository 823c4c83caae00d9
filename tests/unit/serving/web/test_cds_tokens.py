"""Tokens as CDS Hooks 2.0 asks: signature, issuer, audience, times, and once only."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import Engine

from serving.errors import SettingsError
from serving.records import surveillance_schema  # noqa: F401  its tables belong to METADATA
from serving.records.database import open_database
from serving.records.schema import METADATA
from serving.settings.cds import Cds, CdsClient
from serving.web.cds_tokens import Caller, TokenCheck, TokenRefusedError

BASE = "https://varsel.example"
PATH = "/cds-services/varsel-infection-risk"
ISSUER = "https://fhir-ehr.example.com/"
EC_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def check(engine: Engine, tmp_path: Path) -> TokenCheck:
    keys = tmp_path / "jwks.json"
    ec_jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC_KEY.public_key()))
    rsa_jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key()))
    keys.write_text(
        json.dumps({"keys": [ec_jwk | {"kid": "ec", "alg": "ES384"}, rsa_jwk | {"kid": "rsa", "alg": "RS384"}]})
    )
    return TokenCheck(engine, Cds(clients=(CdsClient(issuer=ISSUER, jwks_file=keys),)), BASE)


def token(algorithm: str = "ES384", key: Any = None, kid: str = "", **changed: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": BASE + PATH, "exp": now + 120, "iat": now, "jti": "ee22b021"} | changed
    told = {name: value for name, value in claims.items() if value is not None}
    signing = key or (EC_KEY if algorithm == "ES384" else RSA_KEY)
    return jwt.encode(told, signing, algorithm, headers={"kid": kid or ("ec" if algorithm == "ES384" else "rsa")})


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_token_of_a_known_record_is_taken(check: TokenCheck, algorithm: str):
    assert check.check(f"Bearer {token(algorithm)}", PATH) == Caller(issuer=ISSUER)


def test_the_audience_may_be_a_list(check: TokenCheck):
    assert check.check(f"Bearer {token(aud=[BASE + PATH])}", PATH).issuer == ISSUER


def test_a_token_is_taken_once(check: TokenCheck):
    used = token()
    check.check(f"Bearer {used}", PATH)
    with pytest.raises(TokenRefusedError, match="used before"):
        check.check(f"Bearer {used}", PATH)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"iss": "https://other.example"}, "issuer"),
        ({"exp": "4102444800"}, "lives longer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://other.example" + PATH}, "InvalidAudience"),
        ({"aud": BASE + "/cds-services"}, "InvalidAudience"),
        ({"exp": int(time.time()) - 3600}, "Expired"),
        ({"exp": None}, "MissingRequiredClaim"),
        ({"iat": None}, "MissingRequiredClaim"),
        ({"jti": None}, "MissingRequiredClaim"),
        ({"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3700}, "Immature"),
        ({"exp": int(time.time()) + 3600}, "longer than 300 s"),
        ({"jti": ""}, "jti"),
    ],
)
def test_a_token_with_a_false_claim_is_refused(check: TokenCheck, changed: dict[str, Any], told: str):
    with pytest.raises(TokenRefusedError, match=told):
        check.check(f"Bearer {token(**changed)}", PATH)


def test_another_key_under_a_known_name_is_refused(check: TokenCheck):
    with pytest.raises(TokenRefusedError, match="Signature"):
        check.check(f"Bearer {token(key=ec.generate_private_key(ec.SECP384R1()))}", PATH)


def test_an_unknown_key_name_is_refused(check: TokenCheck):
    with pytest.raises(TokenRefusedError, match="kid"):
        check.check(f"Bearer {token(kid='other')}", PATH)


def test_symmetric_and_unsigned_tokens_are_refused(check: TokenCheck):
    unsigned = jwt.encode({"iss": ISSUER, "aud": BASE + PATH, "jti": "x"}, None, "none", headers={"kid": "ec"})
    for forged in (token("HS384", key="s" * 64, kid="ec"), unsigned):
        with pytest.raises(TokenRefusedError):
            check.check(f"Bearer {forged}", PATH)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dTpw", "Bearer not.a.token", "Bearer " + "x" * 5000])
def test_without_a_token_nobody_is_answered(check: TokenCheck, header: str):
    with pytest.raises(TokenRefusedError):
        check.check(header, PATH)


def test_only_settings_that_say_so_answer_without_a_token(engine: Engine):
    assert TokenCheck(engine, Cds(allow_without_token=True), BASE).check("", PATH) == Caller(issuer="")
    with pytest.raises(TokenRefusedError):
        TokenCheck(engine, Cds(), BASE).check("", PATH)


def test_a_false_token_is_refused_even_where_none_is_asked_for(engine: Engine):
    with pytest.raises(TokenRefusedError):
        TokenCheck(engine, Cds(allow_without_token=True), BASE).check("Bearer x.y.z", PATH)


@pytest.mark.parametrize("text", ["", "[]", '{"keys": []}', "no json"])
def test_a_key_file_without_keys_is_a_fault_of_the_settings(engine: Engine, tmp_path: Path, text: str):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"cds\.clients"):
        TokenCheck(engine, Cds(clients=(CdsClient(issuer=ISSUER, jwks_file=path),)), BASE)
