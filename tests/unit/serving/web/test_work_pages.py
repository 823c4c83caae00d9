"""The pages of work do what the command does: list, show, try again, call off, take back, and note who asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories.deliveries import Sending
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

from dicom_io.errors import RejectedError
from dicom_io.send.memory import MemoryDestination
from serving.records.database import reading, writing
from serving.records.schema import AUDIT, WORK_ITEM
from serving.settings.destinations import Destination
from serving.settings.file import Settings, Web
from serving.settings.site import Site
from serving.web.app import web_app

PACS = Destination(name="pacs", host="127.0.0.1", port=104, ae_title="PACS", fallback=())


@pytest.fixture
def archive() -> MemoryDestination:
    return MemoryDestination()


@pytest.fixture
def sending(engine: Engine, tmp_path: Path, archive: MemoryDestination) -> Sending:
    return Sending(engine=engine, directory=tmp_path / "sent", destinations=[PACS], outlet_of=lambda _: archive)


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        site=Site(data_dir=tmp_path, language="en"), destinations=(PACS,), web=Web(user_header="X-User")
    )
    headers = {"Accept-Language": "en", "X-User": "operator"}
    with TestClient(web_app(engine, settings), headers=headers, follow_redirects=False) as client:
        yield client


def audited(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        return [(row.action, row.detail.get("actor", "")) for row in connection.execute(select(AUDIT))][-1:]


def refused(sending: Sending, archive: MemoryDestination, study: str) -> str:
    """A case whose result the archive would not take."""
    archive.failure = RejectedError("'pacs' answered 0110")
    item_id = sending.queue(study)
    with pytest.raises(RejectedError):
        sending.send("pacs")
    archive.failure = None
    return item_id


def test_what_failed_is_listed_with_its_reason_shown_and_sent_again(
    site: TestClient, sending: Sending, archive: MemoryDestination, engine: Engine
):
    item_id = refused(sending, archive, "one")
    assert "&#39;pacs&#39; answered 0110" in site.get("/queue").text
    page = site.get(f"/queue/{item_id}").text
    assert "put aside" in page
    assert "(refused)" in page

    assert site.post(f"/queue/{item_id}/retry").status_code == 303
    sending.send("pacs")

    assert sending.item(item_id).state == "done"
    assert "Nothing waits" in site.get("/queue").text


def test_who_tried_again_is_in_the_log(site: TestClient, sending: Sending, archive: MemoryDestination, engine: Engine):
    site.post(f"/queue/{refused(sending, archive, 'logged')}/retry")
    assert audited(engine) == [("tried_again", "operator")]


def test_a_waiting_analysis_is_called_off(site: TestClient, sending: Sending, engine: Engine):
    item_id = sending.waiting_item("waits")
    assert site.post(f"/queue/{item_id}/cancel").status_code == 303
    assert sending.item(item_id).state == "superseded"
    assert audited(engine) == [("cancelled", "operator")]


def test_a_result_is_taken_back_with_words(site: TestClient, sending: Sending, engine: Engine):
    item_id = sending.queue("wrong")
    sending.send("pacs")
    assert site.post(f"/queue/{item_id}/withdraw", data={"words": ""}).status_code == 400

    assert site.post(f"/queue/{item_id}/withdraw", data={"words": "sides swapped", "safety": "yes"}).status_code == 303
    sending.send("pacs")

    page = site.get(f"/queue/{item_id}").text
    assert "withdrawn: sides swapped" in page
    assert "withdrawal:" in page


@pytest.mark.parametrize("deed", ["retry", "cancel", "withdraw"])
def test_what_cannot_be_done_is_said_and_nothing_changes(site: TestClient, sending: Sending, deed: str):
    item_id = sending.queue("done")
    sending.send("pacs")
    if deed == "withdraw":
        site.post(f"/queue/{item_id}/withdraw", data={"words": "once"})
    before = sending.item(item_id)
    answer = site.post(f"/queue/{item_id}/{deed}", data={"words": "twice"})

    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert sending.item(item_id) == before


def test_a_form_on_another_site_is_refused(site: TestClient, sending: Sending):
    item_id = sending.waiting_item("safe")
    assert site.post(f"/queue/{item_id}/cancel", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert sending.item(item_id).state == "queued"


def test_without_a_sign_on_the_form_asks_for_a_name_and_is_refused_without(site: TestClient, sending: Sending):
    item_id = sending.waiting_item("nobody")
    assert 'name="actor" required' in site.get(f"/queue/{item_id}", headers={"X-User": ""}).text
    assert site.post(f"/queue/{item_id}/cancel", headers={"X-User": ""}).status_code == 400
    assert site.post(f"/queue/{item_id}/cancel", headers={"X-User": ""}, data={"actor": "KM"}).status_code == 303


def test_what_is_offered_is_what_can_be_done(site: TestClient, sending: Sending, archive: MemoryDestination):
    failed, waits = refused(sending, archive, "failed"), sending.waiting_item("early")
    offered = {
        one: [deed for deed in ("retry", "cancel", "withdraw") if f'/{deed}"' in site.get(f"/queue/{one}").text]
        for one in (failed, waits)
    }
    assert offered == {failed: ["retry", "cancel"], waits: ["cancel"]}


@pytest.mark.parametrize(
    ("query", "listed"),
    [("?state=queued", 1), ("?state=failed", 1), ("?destination=pacs", 1), ("?state=done", 1), ("", 2)],
)
def test_the_list_is_chosen_by_state_and_destination(
    site: TestClient, sending: Sending, archive: MemoryDestination, engine: Engine, query: str, listed: int
):
    refused(sending, archive, "a")
    sending.waiting_item("b")
    done = sending.waiting_item("c")
    with writing(engine) as connection:
        connection.execute(update(WORK_ITEM).where(WORK_ITEM.c.id == done).values(state="done"))
    assert site.get(f"/queue{query}").text.count('id="work-') == listed


@pytest.mark.parametrize("query", ["?state=gone", "?destination=nowhere", "?page=0", "?page=x"])
def test_an_impossible_choice_is_said(site: TestClient, query: str):
    assert site.get(f"/queue{query}").status_code == 400


def test_a_work_item_that_is_not_there_is_said(site: TestClient):
    assert site.get("/queue/none").status_code == 404
    assert site.post("/queue/none/retry").status_code == 404
    assert site.post("/queue/none/burn").status_code == 404


@pytest.mark.parametrize("language", ["da", "en"])
def test_the_pages_speak_both_languages(site: TestClient, sending: Sending, archive: MemoryDestination, language: str):
    item_id = refused(sending, archive, "both")
    title = {"da": "Arbejde", "en": "Work"}[language]
    assert f"<h1>{title}</h1>" in site.get("/queue", headers={"Accept-Language": language}).text
    again = {"da": "Prøv igen", "en": "Try again"}[language]
    assert again in site.get(f"/queue/{item_id}", headers={"Accept-Language": language}).text
