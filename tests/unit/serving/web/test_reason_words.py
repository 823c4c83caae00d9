"""Why there is no answer, in the language of the page."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import serving
from dicom_io.receive.inbox import RefusalCode as ObjectRefusalCode
from ehr_io.receive.reading import RefusalCode as ResourceRefusalCode
from models.contract import ViolationCode
from serving.web.app import web_app
from serving.web.language import LANGUAGES, load_texts
from tests.factories.cases import filled_site


def written_codes() -> Iterator[str]:
    """Every reason code that stands in the code of serving as a constant."""
    for path in Path(serving.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="NotAnalysedError" | "not_analysed" | "_put_aside"), args=args):
                    yield from (one.value for one in args[:3] if _is_code(one))
                case ast.Dict(keys=keys, values=values):
                    pairs = zip(keys, values, strict=True)
                    yield from (v.value for k, v in pairs if _is(k, "reason_code") and _is_code(v))
                case ast.keyword(arg="reason_code", value=value) if _is_code(value):
                    yield value.value


def _is(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _is_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.replace("_", "").isalpha()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_code_has_words(language: str):
    enums = (ObjectRefusalCode, ResourceRefusalCode, ViolationCode)
    codes = {one.value for enum in enums for one in enum} | set(written_codes())
    assert {"guard_missing", "unreadable_pixels", "superseded", "no_release", "no_rule"} <= codes
    assert codes - set(load_texts(language)["why"]) == set()


def test_a_danish_page_tells_reasons_and_labels_in_danish(tmp_path: Path):
    engine, settings = filled_site(tmp_path)
    with TestClient(web_app(engine, settings), headers={"Accept-Language": "da"}) as client:
        page = client.get("/").text
        refused = client.get("/refusals").text
    engine.dispose()
    assert "Fortætning" in page
    assert ">Opacity" not in page
    assert "Ingen model her er beregnet til denne sag" in page
    assert "Ikke et DICOM-objekt" in refused
