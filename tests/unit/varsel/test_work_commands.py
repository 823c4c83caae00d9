"""A person's hand on the work: list, show, retry, cancel, withdraw."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from factories.deliveries import Sending
from sqlalchemy import Engine
from typer.testing import CliRunner

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.send.memory import MemoryDestination
from serving.records.database import open_database
from serving.records.migrate import migrate
from serving.settings.destinations import Destination
from varsel.cli import app


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'data' / 'varsel.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def archives() -> dict[str, MemoryDestination]:
    return {"pacs": MemoryDestination(), "old": MemoryDestination()}


@pytest.fixture
def sending(engine: Engine, archives: dict[str, MemoryDestination], tmp_path: Path) -> Sending:
    destinations = [Destination(name=name, host="127.0.0.1", port=104, ae_title="PACS") for name in archives]
    return Sending(
        engine=engine, directory=tmp_path, destinations=destinations, outlet_of=lambda one: archives[one.name]
    )


@pytest.fixture
def settings(engine: Engine, tmp_path: Path) -> Path:
    path = tmp_path / "varsel.toml"
    path.write_text(f"[site]\nlanguage = 'en'\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n")
    return path


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--settings", str(settings), "work", *arguments])


@pytest.mark.parametrize("command", ["list", "show", "retry", "cancel", "withdraw"])
def test_every_command_on_work_has_help_with_an_example(command: str):
    answer = CliRunner().invoke(app, ["work", command, "--help"])

    assert (answer.exit_code, "Example" in answer.output) == (0, True)


def test_what_a_pacs_has_not_got_is_listed_and_other_work_is_not_touched(
    sending: Sending, archives: dict[str, MemoryDestination], settings: Path
):
    archives["pacs"].failure = UnreachableError("nobody answers")
    sending.queue("study-1")
    sending.send("old")
    with pytest.raises(UnreachableError):
        sending.send("pacs")

    (waiting,) = json.loads(run(settings, "list", "--destination", "pacs", "--json").stdout)["work"]

    assert {one["destination"]: one["state"] for one in waiting["deliveries"]} == {"pacs": "waiting", "old": "accepted"}
    assert json.loads(run(settings, "list", "--destination", "old", "--json").stdout)["work"] == []
    assert json.loads(run(settings, "list", "--state", "failed", "--json").stdout)["work"] == []


def test_a_dead_letter_tells_its_way_and_is_sent_again(
    sending: Sending, archives: dict[str, MemoryDestination], settings: Path
):
    archives["pacs"].refused_classes = {"1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.1"}
    item_id = sending.queue("study-1")
    sending.send("old")
    with pytest.raises(RejectedError):
        sending.send("pacs")

    detail = json.loads(run(settings, "show", item_id, "--json").stdout)
    (dead,) = [one for one in detail["deliveries"] if one["state"] == "dead"]
    assert {one["kind"]: one["state"] for one in dead["objects"]} == {"sr": "refused", "sc": "refused"}
    happened = {(one["of"], one["state"], one["failure"]) for one in detail["history"]}
    assert {("old", "accepted", ""), ("pacs", "dead", "refused"), ("work", "failed", "")} <= happened
    shown = run(settings, "show", item_id).stdout
    assert "SOP class 1.2.840.10008.5.1.4.1.1.88.34 is not taken" in shown

    archives["pacs"].refused_classes = set()
    assert run(settings, "retry", item_id).exit_code == 0
    sending.send("pacs")
    assert sending.item(item_id).state == "done"
    assert run(settings, "retry", item_id).exit_code == 1


def test_what_waits_is_called_off_and_what_arrived_stays(sending: Sending, settings: Path, engine: Engine):
    item_id = sending.queue("study-1")
    sending.send("old")

    assert run(settings, "cancel", item_id).exit_code == 0

    assert (sending.item(item_id).state, sending.delivery("pacs").state) == ("done", "cancelled")
    assert sending.delivery("old").state == "accepted"
    assert run(settings, "cancel", item_id).exit_code == 1


def test_an_analysis_that_nobody_began_is_called_off(sending: Sending, settings: Path, engine: Engine):
    item_id = sending.waiting_item("study-1")

    assert run(settings, "cancel", item_id).exit_code == 0

    assert (sending.item(item_id).state, sending.item(item_id).reason_code) == ("superseded", "cancelled")


def test_a_result_that_arrived_nowhere_is_not_withdrawn_but_called_off(sending: Sending, settings: Path):
    item_id = sending.queue("study-1")

    answer = run(settings, "withdraw", item_id, "--reason", "wrong side")

    assert (answer.exit_code, "varsel work cancel" in answer.output) == (1, True)


def test_a_withdrawal_goes_to_whom_it_concerns_and_nothing_more_of_the_result(
    sending: Sending, archives: dict[str, MemoryDestination], settings: Path
):
    archives["old"].failure = UnreachableError("nobody answers")
    item_id = sending.queue("study-1")
    sending.send("pacs")
    with pytest.raises(UnreachableError):
        sending.send("old")

    answer = run(settings, "withdraw", item_id, "--reason", "wrong side")

    assert (answer.exit_code, answer.stdout.strip()) == (0, f"{item_id} is taken back at pacs")
    detail = json.loads(run(settings, "show", item_id, "--json").stdout)
    told = {(one["destination"], one["purpose"]): one["state"] for one in detail["deliveries"]}
    assert told == {
        ("pacs", "result"): "accepted",
        ("old", "result"): "cancelled",
        ("pacs", "withdrawal"): "queued",
    }
    assert (detail["reason_code"], detail["reason"]) == ("withdrawn", "withdrawn: wrong side")


def test_an_id_that_is_none_says_where_ids_are_found(settings: Path):
    answer = run(settings, "show", "2.25.404")

    assert (answer.exit_code, "varsel work list" in answer.output) == (1, True)


def test_a_withdrawal_that_an_archive_refused_is_sent_again_and_the_result_is_not(
    sending: Sending, archives: dict[str, MemoryDestination], settings: Path
):
    item_id = sending.queue("study-1")
    for name in archives:
        sending.send(name)
    assert run(settings, "withdraw", item_id, "--reason", "wrong side").exit_code == 0
    archives["pacs"].refused_classes = {"1.2.840.10008.5.1.4.1.1.88.59"}
    sending.send("old")
    with pytest.raises(RejectedError):
        sending.send("pacs")
    before = list(archives["pacs"].sent)
    archives["pacs"].refused_classes = set()

    assert run(settings, "retry", item_id).exit_code == 0
    (note,) = sending.send("pacs")

    assert archives["pacs"].sent == [*before, note.sop_instance_uid]
    assert sending.item(item_id).state == "done"
    assert run(settings, "retry", item_id).exit_code == 1
