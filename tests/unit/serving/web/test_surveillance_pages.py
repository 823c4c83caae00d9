"""The pages of surveillance in both languages: figures, drill-down, confirm and reject, the report."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from serving.records.database import reading
from serving.settings.file import Settings
from serving.surveillance import queries
from serving.web.app import web_app
from tests.factories.cases import empty_site, filled_site

URINARY = "haiba-urinary-tract-infection"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Settings]]:
    engine, settings = filled_site(tmp_path_factory.mktemp("site"))
    yield engine, settings
    engine.dispose()


@pytest.fixture
def site(filled: tuple[Engine, Settings]) -> Iterator[TestClient]:
    with TestClient(web_app(*filled), headers={"Accept-Language": "en"}, follow_redirects=False) as client:
        yield client


@pytest.fixture
def case(filled: tuple[Engine, Settings]) -> queries.KeptCase:
    with reading(filled[0]) as connection:
        return queries.kept_cases(connection, URINARY, "2019")[0]


def address(case: queries.KeptCase) -> str:
    return f"/surveillance/cases/{quote(case.id)}"


@pytest.mark.parametrize("language", ["da", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/surveillance",
        f"/surveillance/{URINARY}",
        f"/surveillance/{URINARY}?edition=2015&unit=M2&from=2025-06&to=2026-02",
        f"/surveillance/{URINARY}/editions",
        "/surveillance/haiba-deep-infection-hip",
        "/surveillance/report.html?month=2026-02",
    ],
)
def test_a_page_is_drawn(site: TestClient, path: str, language: str):
    answer = site.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert "<h1>" in answer.text


def test_the_overview_shows_the_outbreak_as_a_cluster_and_in_colour(site: TestClient):
    page = site.get("/surveillance").text
    assert "Clusters" in page
    assert 'href="/surveillance/haiba-urinary-tract-infection?unit=M2#cases"' in page
    assert 'class="box well_above"' in page


def test_the_outbreak_is_a_special_cause_of_its_month(site: TestClient):
    page = site.get(f"/surveillance/{URINARY}?unit=M2").text
    assert "beyond the control limit" in page
    assert 'class="dot above"' in page


def test_editions_agree_on_some_samples_and_not_on_all(site: TestClient):
    page = site.get(f"/surveillance/{URINARY}/editions").text
    assert "Only edition 2015" in page
    assert "Same case, same unit: 0" not in page


def test_a_case_is_confirmed_and_then_rejected_with_a_reason(site: TestClient, case: queries.KeptCase):
    assert "Not reviewed" in site.get(address(case)).text
    confirmed = site.post(f"{address(case)}/reviews", data={"kind": "confirmed", "reviewer": "IK"})
    assert confirmed.status_code == 303
    assert "Confirmed" in site.get(address(case)).text
    site.post(f"{address(case)}/reviews", data={"kind": "rejected", "reason": "contamination", "reviewer": "IK"})
    page = site.get(address(case)).text
    assert "Contaminated sample" in page
    assert page.index("Rejected") < page.rindex("Confirmed")
    assert "1 cases were rejected" in site.get(f"/surveillance/{URINARY}").text


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "rejected", "reviewer": "IK"},
        {"kind": "rejected", "reason": "already-treated", "reviewer": "IK"},
        {"kind": "snoozed", "reviewer": "IK"},
        {"kind": "confirmed"},
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(site: TestClient, case: queries.KeptCase, form: dict[str, str]):
    assert site.post(f"{address(case)}/reviews", data=form).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/surveillance/none", 404),
        ("/surveillance/none/editions", 404),
        ("/surveillance/cases/none", 404),
        (f"/surveillance/{URINARY}?edition=1999", 404),
        (f"/surveillance/{URINARY}?from=yesterday", 400),
        ("/surveillance/report.html?month=2026-13", 400),
        ("/surveillance/report.exe?month=2026-02", 404),
    ],
)
def test_what_is_not_there_or_impossible_is_told(site: TestClient, path: str, status: int):
    assert site.get(path).status_code == status


def test_the_report_comes_as_pdf_and_csv(site: TestClient):
    pdf, csv = (site.get(f"/surveillance/report.{form}?month=2026-02") for form in ("pdf", "csv"))
    assert pdf.content.startswith(b"%PDF-")
    assert pdf.headers["content-type"] == "application/pdf"
    assert csv.content.decode("utf-8-sig").startswith("month;definition;edition;unit;")


def test_before_the_first_reading_the_page_says_how_to_begin(tmp_path_factory: pytest.TempPathFactory):
    engine, settings = empty_site(tmp_path_factory.mktemp("quiet"))
    with TestClient(web_app(engine, settings), headers={"Accept-Language": "en"}) as client:
        assert "varsel surveillance refresh" in client.get("/surveillance").text
    engine.dispose()


@pytest.mark.parametrize(("definition", "is_told"), [("haiba-bacteraemia", True), (URINARY, False)])
def test_what_of_a_definition_is_not_confirmed_stands_on_its_page(site: TestClient, definition: str, *, is_told: bool):
    assert ("To be confirmed before use" in site.get(f"/surveillance/{definition}").text) is is_told
