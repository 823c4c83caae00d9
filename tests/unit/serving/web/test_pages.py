"""What each page shows, in both languages, and what it never does."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

import serving.web.app
from serving.settings.file import Settings
from serving.settings.site import Site
from serving.web.app import web_app
from tests.factories.cases import empty_site, filled_site

PAGES = (
    "/",
    "/cases/w-1-1",
    "/cases/w-3-1",
    "/cases/w-4-1",
    "/cases/w-stay-1-4",
    "/stays",
    "/refusals",
    "/no-such-page",
)
WEB = Path(serving.web.app.__file__).parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    engine, settings = filled_site(tmp_path_factory.mktemp("site"))
    with TestClient(web_app(engine, settings), headers={"Accept-Language": "en"}) as client:
        yield client
    engine.dispose()


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[TestClient]:
    engine, settings = empty_site(tmp_path)
    with TestClient(web_app(engine, settings)) as client:
        yield client
    engine.dispose()


def test_the_four_outcomes_differ_in_word_icon_and_colour(site: TestClient):
    page = site.get("/").text
    for outcome, word in (
        ("finding", "Finding"),
        ("no_finding", "No finding"),
        ("not_analysed", "Not analysed"),
        ("failed", "Failed"),
    ):
        assert re.search(
            rf'class="badge is-{outcome}[^>]*>\s*<svg[^>]*><use href="#i-{outcome}"/></svg>{word}<', page
        ), outcome
        assert f'<symbol id="i-{outcome}"' in page


def test_a_case_shows_model_findings_deliveries_and_seconds(site: TestClient):
    page = site.get("/?q=hansen").text
    for shown in ("Hansen, Jens", "chest_xray_opacity", "0.1.0", "Opacity", "93.0 %", "stored and committed", "338 ms"):
        assert shown in page, shown
    assert "Jensen" not in page


def test_a_study_still_arriving_is_shown(site: TestClient):
    assert "Krogh, Eva" in site.get("/").text


@pytest.mark.parametrize(
    ("query", "inside", "outside"),
    [
        ("outcome=failed", "Poulsen", "Hansen"),
        ("state=running", "Lund", "Hansen"),
        ("q=ACC000003", "Sørensen", "Hansen"),
        ("q=100%25", "No case matches", "Hansen"),
    ],
)
def test_the_list_is_filtered(site: TestClient, query: str, inside: str, outside: str):
    page = site.get(f"/?{query}").text
    assert inside in page
    assert outside not in page


@pytest.mark.parametrize("query", ["outcome=great", "state=1", "page=0", "page=x", "page=99999999999", "page=²"])
def test_an_impossible_filter_is_answered_with_400_and_a_way_out(site: TestClient, query: str):
    answer = site.get(f"/?{query}")
    assert answer.status_code == 400
    assert "Go to the cases" in answer.text


def test_only_the_newest_score_of_a_stay_is_listed_and_the_others_stand_on_its_page(site: TestClient):
    assert site.get("/?q=Madsen").text.count("Madsen, Karen") == 1
    assert site.get("/cases/w-stay-1-4").text.count("infection_urinary · generation") == 3


def test_the_live_part_is_sent_only_when_it_changed(site: TestClient):
    first = site.get("/", headers={"HX-Request": "true"})
    assert first.text.lstrip().startswith("<section")
    seen = re.search(r"seen=([0-9a-f]{16})", first.text)
    assert seen
    assert site.get(f"/?page=1&seen={seen[1]}", headers={"HX-Request": "true"}).status_code == 204
    assert site.get("/?page=1&seen=other", headers={"HX-Request": "true"}).status_code == 200


def test_the_case_page_tells_everything_of_the_case(site: TestClient):
    page = site.get("/cases/w-3-1").text
    for shown in (
        "Nodule",
        "12.4 mm",
        "841.2 mm3",
        "above 50.0 %",
        "put aside",
        "3 tries",
        "Model",
        "184 ms",
        "try 1",
        "Tests only.",
    ):
        assert shown in page, shown
    assert "Not for clinical use" in page


def test_a_try_is_counted_in_the_readers_language(site: TestClient):
    for address in ("/cases/w-3-1", "/queue/w-3-1"):
        page = site.get(address, headers={"Accept-Language": "da"}).text
        assert "forsøg 1" in page
        assert "attempt" not in page


def test_the_case_page_gives_the_reason(site: TestClient):
    assert "a rule in varsel.toml would name a model for it" in site.get("/cases/w-4-1").text


def test_the_picture_is_the_stored_one(site: TestClient):
    answer = site.get("/cases/w-1-1/picture.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    assert site.get("/cases/w-2-1/picture.jpg").status_code == 404
    assert site.get("/cases/..%2F..%2Fvarsel.db/picture.jpg").status_code == 404


def test_the_ward_list_is_sorted_by_risk_with_trend_and_reasons(site: TestClient):
    page = site.get("/stays").text
    assert page.index("Madsen, Karen") < page.index("P-stay-2")
    for shown in (
        "31.0 %",
        "rising",
        "first score",
        "not measured",
        "38.4",
        "+1.5",
        "−0.3",
        "infection_urinary 0.1.0",
        "within 48 hours",
    ):
        assert shown in page, shown


def test_what_was_refused_is_listed(site: TestClient):
    page = site.get("/refusals").text
    assert "unknown_unit" in page
    assert "the bytes are no DICOM object" in page


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["da", "en"])
def test_every_page_speaks_the_asked_language_and_loads_nothing_from_elsewhere(
    site: TestClient, path: str, language: str
):
    page = site.get(path, params={"lang": language}).text
    assert f'<html lang="{language}">' in page
    assert "<style" not in page
    assert not re.search(r'\sstyle="|\son\w+="|<script>|https?://(?!127)', page)
    assert "built-in method" not in page
    site.cookies.clear()


def test_the_language_is_remembered_then_taken_from_the_browser_then_from_the_site(tmp_path: Path):
    engine, _ = empty_site(tmp_path)
    settings = Settings(site=Site(data_dir=tmp_path, language="da"))
    with TestClient(web_app(engine, settings)) as client:
        assert '<html lang="da">' in client.get("/", headers={"Accept-Language": "fr"}).text
        assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "fr, en-GB;q=0.8"}).text
        client.get("/?lang=da")
        assert '<html lang="da">' in client.get("/", headers={"Accept-Language": "en"}).text
    engine.dispose()


def test_both_languages_have_the_same_words_and_none_hides_behind_a_method():
    tables = [
        tomllib.loads((WEB / "texts" / f"{language}.toml").read_text(encoding="utf-8")) for language in ("da", "en")
    ]
    first, second = (dict(_flat(table)) for table in tables)
    assert first.keys() == second.keys()
    assert not [key for key in first if hasattr(dict, key.rsplit(".", 1)[-1])]


def test_an_empty_site_says_what_to_do(quiet: TestClient):
    assert "varsel send STUDY_FOLDER 127.0.0.1:11112" in quiet.get("/").text
    assert "/fhir" in quiet.get("/stays").text


def test_every_answer_carries_the_security_headers(site: TestClient):
    for path in (*PAGES, "/livez", "/static/varsel.css"):
        headers = site.get(path).headers
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert ("no-store" in headers["cache-control"]) is not path.startswith("/static")


def test_a_database_that_is_down_makes_readiness_red_and_pages_say_so(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path}/missing/varsel.db")
    with TestClient(web_app(engine, Settings(site=Site(data_dir=tmp_path)))) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 503
        answer = client.get("/", headers={"Accept-Language": "en"})
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text
        assert "varsel_database_up 0.0" in client.get("/metrics").text
    engine.dispose()


def test_a_ready_site_is_ready_and_its_requests_are_counted_by_route(site: TestClient):
    assert site.get("/readyz").text == "ready\n"
    site.get("/cases/w-1-1")
    metrics = site.get("/metrics").text
    assert 'varsel_http_request_seconds_count{route="/cases/{work_item_id}",status="200"}' in metrics
    assert 'varsel_queue_items{state="delivering"} 1.0' in metrics
    assert 'varsel_delivery_items{destination="archive",state="dead"} 1.0' in metrics
    assert "Hansen" not in metrics


def test_a_page_that_breaks_answers_500_without_telling_why_in_detail(tmp_path: Path):
    def breaks(_: Request) -> Response:
        raise ValueError("ZZMARKED")

    engine, settings = empty_site(tmp_path)
    with TestClient(web_app(engine, settings, [Route("/breaks", breaks)]), raise_server_exceptions=False) as client:
        answer = client.get("/breaks")
    assert answer.status_code == 500
    assert "The page broke" in answer.text or "Siden gik i stykker" in answer.text
    assert "ZZMARKED" not in answer.text
    engine.dispose()


def test_markup_in_a_name_is_shown_not_run(tmp_path: Path):
    engine, settings = filled_site(tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE study SET patient_name = '<script>alert(1)</script>'")
    with TestClient(web_app(engine, settings)) as client:
        assert "<script>alert" not in client.get("/").text
        assert "<script>alert" not in client.get("/cases/w-1-1").text
    engine.dispose()


def _flat(table: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def test_a_fhir_client_gets_errors_as_it_reads_them(site: TestClient):
    answer = site.get("/fhir/Banana")
    assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")


def test_a_method_that_is_not_offered_is_told_with_those_that_are(site: TestClient):
    answer = site.delete("/stays")
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
