"""The ward list and the page of a stay: what was known when, what people answer, and where answers come from."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from serving.records.database import reading
from serving.records.schema import AUDIT
from serving.records.surveillance_schema import REVIEW
from serving.settings.feed import Feed
from serving.settings.file import Settings, Web
from serving.settings.stays import Stays
from serving.web import stay_queries
from serving.web.app import web_app
from tests.factories.cases import filled_site
from tests.factories.wards import NOW

POST = "/stays/stay-9/reviews?risk=w-stay-9-11"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Settings]]:
    engine, settings = filled_site(tmp_path_factory.mktemp("site"))
    yield engine, settings
    engine.dispose()


@pytest.fixture
def site(filled: tuple[Engine, Settings]) -> Iterator[TestClient]:
    with TestClient(web_app(*filled), headers={"Accept-Language": "en"}, follow_redirects=False) as client:
        yield client


def test_the_ward_list_shows_what_the_policy_decided_and_what_people_said(site: TestClient):
    page = site.get("/stays?ward=M2").text
    for shown in ("Berggren, Nancy", "Alerted recently", "medical-wards 3", "Dyrkning taget", "not measured"):
        assert shown in page, shown
    assert "P-stay-2" not in page


def test_an_old_score_of_a_stay_that_still_runs_is_marked_until_the_settings_say_otherwise(
    site: TestClient, filled: tuple[Engine, Settings]
):
    assert "Old score" in site.get("/stays?ward=M2").text
    engine, settings = filled
    patient = settings.model_copy(update={"stays": Stays(stale_hours=1e6)})
    with TestClient(web_app(engine, patient), headers={"Accept-Language": "en"}) as client:
        assert "Old score" not in client.get("/stays?ward=M2").text


def test_the_past_is_shown_with_what_was_known_then(site: TestClient):
    then = (NOW - timedelta(hours=24)).isoformat().replace("+", "%2B")
    page = site.get(f"/stays/stay-9?at={then}").text
    assert "How it looked on" in page
    assert re.search(r'<b class="huge">16\.0 %</b>', page)
    assert "later than the moment shown" in page
    # The culture was taken before, and answered after.
    assert re.search(r'class="mark-culture later"[^>]*><title>Urine culture: ECOLI', page)


def test_now_everything_is_known(site: TestClient):
    page = site.get("/stays/stay-9").text
    assert "later than the moment shown" not in page
    assert '<b class="huge">34.0 %</b>' in page


def test_a_stay_that_nobody_told_of_is_not_found(site: TestClient):
    assert site.get("/stays/none").status_code == 404


def test_an_impossible_moment_is_refused(site: TestClient):
    assert site.get("/stays/stay-9?at=yesterday").status_code == 400


def test_an_answer_is_kept_with_who_why_and_an_audit_record(site: TestClient, filled: tuple[Engine, Settings]):
    form = {"kind": "rejected", "reason": "already-treated", "comment": "SECRET words", "reviewer": "KM"}
    answer = site.post(POST, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/stays/stay-9")
    with reading(filled[0]) as connection:
        row = connection.execute(select(REVIEW).order_by(REVIEW.c.id.desc())).first()
        audited = connection.execute(select(AUDIT).order_by(AUDIT.c.sequence.desc())).first()
    assert (row.kind, row.reason_code, row.comment, row.reviewer) == (
        "rejected",
        "already-treated",
        "SECRET words",
        "KM",
    )
    assert (audited.action, audited.subject) == ("reviewed", "w-stay-9-11")
    assert "SECRET" not in str(audited.detail)


def test_a_snooze_has_an_end(site: TestClient):
    site.post(POST, data={"kind": "snoozed", "hours": "8", "reviewer": "KM"})
    assert "until" in site.get("/stays?ward=M2").text


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "rejected", "reviewer": "KM"},
        {"kind": "rejected", "reason": "because", "reviewer": "KM"},
        {"kind": "snoozed", "hours": "1000", "reviewer": "KM"},
        {"kind": "confirmed", "reviewer": "KM"},
        {"kind": "acknowledged"},
        {"kind": "acknowledged", "reviewer": "K" * 200},
        {},
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(site: TestClient, form: dict[str, str]):
    assert site.post(POST, data=form).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://other.example"},
        {"Origin": "null"},
    ],
)
def test_an_answer_from_another_site_s_page_is_refused(site: TestClient, headers: dict[str, str]):
    answer = site.post(POST, data={"kind": "acknowledged", "reviewer": "KM"}, headers=headers)
    assert answer.status_code == 403


def test_an_answer_from_our_own_page_is_taken_though_browsers_call_its_origin_null(site: TestClient):
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    answer = site.post(POST, data={"kind": "acknowledged", "reviewer": "KM"}, headers=headers)
    assert answer.status_code == 303


def test_an_answer_to_a_risk_of_another_stay_is_refused(site: TestClient):
    form = {"kind": "acknowledged", "reviewer": "KM"}
    assert site.post("/stays/stay-9/reviews?risk=w-stay-1-4", data=form).status_code == 404


def test_who_is_signed_on_is_taken_from_the_proxy_and_not_from_the_form(filled: tuple[Engine, Settings]):
    settings = filled[1].model_copy(update={"web": Web(user_header="X-Remote-User")})
    with TestClient(web_app(filled[0], settings), follow_redirects=False) as client:
        form = {"kind": "acknowledged", "reviewer": "somebody"}
        client.post(POST, data=form, headers={"X-Remote-User": "nurse7"})
        assert 'name="reviewer"' not in client.get("/stays/stay-9", headers={"X-Remote-User": "nurse7"}).text
    with reading(filled[0]) as connection:
        assert connection.scalar(select(REVIEW.c.reviewer).order_by(REVIEW.c.id.desc())) == "nurse7"


def test_what_the_field_holds_is_the_moment_by_the_wards_clock(filled: tuple[Engine, Settings]):
    engine, settings = filled
    danish = settings.model_copy(update={"feed": Feed(time_zone="Europe/Copenhagen")})
    with TestClient(web_app(engine, danish), headers={"Accept-Language": "en"}) as client:
        page = client.get("/stays/stay-9?at=2026-03-05T09:00").text
    # The score of 08:00 UTC, and none of later.
    assert 'value="2026-03-05T09:00"' in page
    assert "As of 2026-03-05 09:00:00" in page


def test_a_moment_before_all_clocks_is_no_broken_page(site: TestClient):
    assert site.get("/stays/stay-9?at=0001-01-01T00:00%2B02:00").status_code == 400


def test_the_same_page_is_offered_in_the_other_language(site: TestClient):
    assert 'href="/stays?ward=M2&amp;lang=da"' in site.get("/stays?ward=M2").text


def test_a_list_that_is_cut_says_so(site: TestClient, monkeypatch: pytest.MonkeyPatch):
    assert "highest risks are shown" not in site.get("/stays").text
    monkeypatch.setattr(stay_queries, "LIST_SIZE", 2)
    assert "Only the 2 highest risks are shown" in site.get("/stays").text
