"""A small record that launches apps: a SMART App Launch 2.2 authorization server on a port of the kernel's own."""

import base64
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(kw_only=True)
class SmartServer:
    """The record; what it is told here it says."""

    #: Its FHIR base URL: ``iss``.
    url: str = ""
    #: What every authorization request must bear.
    client_id: str = "varsel"
    client_secret: str = ""
    launch: str = "launch-1"
    #: What the token answer says beside the tokens.
    context: dict[str, Any] = field(default_factory=lambda: {"patient": "P1", "encounter": "E1"})
    #: Claims that replace those of a good ID token; the key that signs it.
    claims: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = KEY
    #: Changes of the smart-configuration.
    configuration: dict[str, Any] = field(default_factory=dict)
    #: Codes that were given out, with what was asked.
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def discovery(self) -> dict[str, Any]:
        """``/.well-known/smart-configuration``."""
        good = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code"],
            "capabilities": ["launch-ehr", "client-public", "context-ehr-patient", "sso-openid-connect"],
        }
        return good | self.configuration

    def jwks(self) -> dict[str, Any]:
        """The public key."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return {"keys": [public | {"kid": "k1", "alg": "RS256", "use": "sig"}]}

    def authorize(self, asked: dict[str, str]) -> str | None:
        """Where the browser is sent with a code; None when the request is not a good one."""
        wanted = {"response_type": "code", "client_id": self.client_id, "launch": self.launch, "aud": self.url}
        is_good = wanted.items() <= asked.items() and asked.get("code_challenge_method") == "S256"
        if not is_good or len(asked.get("state", "")) < 32 or "launch" not in asked["scope"].split():
            return None
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The token answer; None when the code, its verifier or the client is not the one."""
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if asked is None or asked["code_challenge"] != base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
            return None
        basic = "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        is_client = authorization == basic if self.client_secret else form.get("client_id") == self.client_id
        if not is_client or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        tokens = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "scope": asked["scope"]}
        return tokens | self.context | {"id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        """A good ID token, but for `claims` and `key`."""
        now = int(time.time())
        good = {"iss": self.url, "aud": self.client_id, "sub": "u7", "nonce": nonce, "iat": now, "exp": now + 300}
        good |= {"fhirUser": f"{self.url}/Practitioner/u7"}
        return jwt.encode(good | self.claims, self.key, algorithm="RS256", headers={"kid": "k1"})


@contextlib.contextmanager
def smart_server() -> Iterator[SmartServer]:
    """A record that runs until the block ends."""
    record = SmartServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, asked = urlsplit(self.path).path, _single(urlsplit(self.path).query)
            if path == "/fhir/authorize":
                there = record.authorize(asked)
                self._say(302 if there else 400, None, {"Location": there} if there else {})
            elif path == "/fhir/jwks":
                self._say(200, record.jwks())
            else:
                self._say(200, record.discovery())

        def do_POST(self) -> None:
            form = _single(self.rfile.read(int(self.headers["Content-Length"])).decode())
            told = record.token(form, self.headers.get("Authorization", ""))
            self._say(200 if told else 400, told or {"error": "invalid_grant"})

        def _say(self, status: int, said: Any, headers: dict[str, str] | None = None) -> None:
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    record.url = f"http://127.0.0.1:{server.server_address[1]}/fhir"
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()


def _single(encoded: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(encoded).items()}
