"""What becomes of a case when all goes well, and when something breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories.dicom import cr_image
from factories.releases import make_release
from prometheus_client import CollectorRegistry
from pydicom.dataset import Dataset
from sqlalchemy import Engine, Table, select, update

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.receive.inbox import Landing
from dicom_io.results.kinds import ResultKind
from dicom_io.send.memory import MemoryDestination
from models.errors import RuntimeUnavailableError
from models.folder_store import FolderStore
from models.manifest import GuardDemand, Task
from models.onnx_runtime import open_runtime
from models.provider import ExecutionProvider
from models.release import Release
from models.runtime import Runtime, ScriptedRuntime
from serving.analyse import Analyser, Site
from serving.deliver import Deliverer
from serving.intake import Intake
from serving.records.database import reading, writing
from serving.records.retry import retry
from serving.records.schema import DELIVERY, HISTORY, WORK_ITEM
from serving.settings.destinations import Destination
from serving.settings.file import Rule
from serving.telemetry.metrics import WorkMetrics
from serving.work.dispatcher import Dispatcher
from serving.work.engine import InlineEngine, RunKind
from serving.work.retry import RetryPolicy
from serving.work.slots import Slots
from serving.work.starter import Starter
from serving.worker import Bench, Worker

RULES = (Rule(name="chest", model="chest_xray_opacity", modalities=("CR",)),)
NAMES = ("pacs", "other", "notes")


def destination(name: str) -> Destination:
    """``notes`` takes key objects too, and with them rejection notes."""
    kinds = (ResultKind.SR, ResultKind.SEG, ResultKind.SC)
    profile = (*kinds, ResultKind.KOS) if name == "notes" else kinds
    return Destination(name=name, host="127.0.0.1", port=104, ae_title="PACS", profile=profile)


@dataclass
class Line:
    """The line in one process, its archives in memory."""

    engine: Engine
    dispatcher: Dispatcher
    runs: InlineEngine
    archives: Mapping[str, MemoryDestination]
    registry: CollectorRegistry
    runtimes: list[Runtime] = field(default_factory=list)

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.dispatcher.turn()

    def due_now(self) -> None:
        """As if every wait were over."""
        now = datetime.now(UTC)
        with writing(self.engine) as connection:
            for table in (WORK_ITEM, DELIVERY):
                connection.execute(update(table).values(not_before=now))

    def item(self) -> Any:
        with reading(self.engine) as connection:
            return connection.execute(select(WORK_ITEM)).one()

    def deliveries(self) -> dict[str, Any]:
        with reading(self.engine) as connection:
            return {row.destination: row for row in connection.execute(select(DELIVERY))}


@pytest.fixture
def line(engine: Engine, tmp_path: Path) -> Line:
    make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION)
    store = FolderStore(tmp_path / "releases")
    archives = {name: MemoryDestination() for name in NAMES}
    destinations = {name: destination(name) for name in NAMES}
    runs = InlineEngine()
    slots = Slots({RunKind.ANALYSE.value: 2})
    runtimes: list[Runtime] = []

    def runtime_of(release: Release) -> Runtime:
        return runtimes[0] if runtimes else open_runtime(release, provider=ExecutionProvider.CPU, threads=1)

    registry = CollectorRegistry()
    retry = RetryPolicy(first_seconds=60, ceiling_seconds=60, maximum_attempts=3)
    bench = Bench(engine=engine, node="node-1", retry=retry, slots=slots, metrics=WorkMetrics(registry))
    site = Site(destinations=tuple(destinations.values()), language="en", results_dir=tmp_path / "results")
    starter = Starter(engine, runs, node="node-1", slots=slots, destinations=NAMES)
    worker = Worker(
        bench,
        Analyser(engine, store, runtime_of, site, recording=starter.recording),
        Deliverer(engine, destinations, lambda one: archives[one.name]),
    )
    runs.start(worker.handlers)
    intake = Intake(engine, store, RULES, starter.taking_in)
    dispatcher = Dispatcher(engine, runs, intake, starter, node="node-1", slots=slots)
    return Line(
        engine=engine, dispatcher=dispatcher, runs=runs, archives=archives, registry=registry, runtimes=runtimes
    )


def chest() -> Dataset:
    pixels = np.full((256, 256), 400, dtype=np.uint16)
    pixels[::2] = 500
    pixels[64:112, 128:176] = 4000
    return cr_image(pixels)


Land = Callable[[Dataset], Landing]


def test_a_study_is_analysed_and_delivered_everywhere(line: Line, land: Land):
    land(chest())

    line.turn()

    assert (line.item().state, line.item().outcome) == ("done", "finding")
    assert {row.state for row in line.deliveries().values()} == {"accepted"}
    assert line.archives["pacs"].objects.keys() == line.archives["other"].objects.keys()
    assert line.item().timings["received_to_stored"] > 0


def test_the_way_of_a_result_is_timed_to_the_last_destination(line: Line, land: Land):
    """Once for each delivery, and once for the whole way: an alert on slowness lives on it."""
    land(chest())

    line.turn()

    def counted(stage: str) -> float | None:
        labels = {"stage": stage, "model": "chest_xray_opacity"}
        return line.registry.get_sample_value("varsel_stage_seconds_count", labels)

    assert (counted("deliver"), counted("received_to_stored")) == (3, 1)


def test_one_destination_that_is_down_does_not_stop_another(line: Line, land: Land):
    line.archives["pacs"].failure = UnreachableError("nobody answers")
    land(chest())

    line.turn()

    assert line.deliveries()["other"].state == "accepted"
    assert line.deliveries()["pacs"].state == "waiting"
    assert line.item().state == "delivering"


def test_a_destination_that_comes_back_gets_each_object_once(line: Line, land: Land):
    line.archives["pacs"].failure = UnreachableError("nobody answers")
    land(chest())
    line.turn()
    line.archives["pacs"].failure = None

    line.due_now()
    line.turn()

    assert line.item().state == "done"
    assert len(line.archives["pacs"].sent) == len(set(line.archives["pacs"].sent)) == 2


def test_what_the_archive_already_holds_is_not_sent_again(line: Line, land: Land):
    """It stored the objects and then broke off, so that we heard of a failure."""
    line.archives["pacs"].failure = UnreachableError("broke off after storing")
    land(chest())
    line.turn()
    line.archives["pacs"].objects.update(line.archives["other"].objects)
    line.archives["pacs"].failure = None

    line.due_now()
    line.turn()

    assert line.deliveries()["pacs"].state == "accepted"
    assert line.archives["pacs"].sent == []


def test_a_destination_that_refuses_is_put_aside_with_its_reason(line: Line, land: Land):
    line.archives["pacs"].failure = RejectedError("status A900 from PACS@127.0.0.1:104")
    land(chest())

    line.turn()

    delivery = line.deliveries()["pacs"]
    assert (delivery.state, delivery.reason) == ("dead", "status A900 from PACS@127.0.0.1:104")
    assert (line.item().state, line.item().outcome) == ("failed", "finding")


def test_a_model_service_that_is_down_is_asked_again(line: Line, land: Land):
    def down(_: object) -> Any:
        raise RuntimeUnavailableError("the model service does not answer")

    line.runtimes.append(ScriptedRuntime(down))
    land(chest())
    line.turn()
    assert (line.item().state, line.item().reason) == ("waiting", "the model service does not answer")

    line.runtimes.clear()
    line.due_now()
    line.turn()

    assert (line.item().state, line.item().attempts) == ("done", 2)


def test_tries_come_to_an_end(line: Line, land: Land):
    def down(_: object) -> Any:
        raise RuntimeUnavailableError

    line.runtimes.append(ScriptedRuntime(down))
    land(chest())
    for _ in range(5):
        line.turn()
        line.due_now()

    assert (line.item().state, line.item().outcome, line.item().attempts) == ("failed", "failed", 3)


def test_a_model_that_answers_nonsense_has_not_analysed(line: Line, land: Land):
    nan = {"probability": np.full((1, 1), np.nan, np.float32), "activation": np.zeros((1, 1, 8, 8), np.float32)}
    line.runtimes.append(ScriptedRuntime(lambda _: dict(nan)))
    land(chest())

    line.turn()

    assert (line.item().outcome, line.item().reason_code) == ("not_analysed", "model_gave_nonsense")


def test_an_unexpected_fault_becomes_a_reason_without_its_text(line: Line, land: Land):
    def broken(_: object) -> Any:
        raise ZeroDivisionError("PATIENT-NAME in a message that we do not control")

    line.runtimes.append(ScriptedRuntime(broken))
    land(chest())

    line.turn()

    assert line.item().state == "failed"
    assert "ZeroDivisionError" in line.item().reason
    assert "PATIENT-NAME" not in line.item().reason


def test_a_run_taken_up_twice_does_its_work_once(line: Line, land: Land):
    land(chest())
    line.turn()
    sent = list(line.archives["pacs"].sent)

    line.runs.run(RunKind.ANALYSE, "again", line.item().id)
    line.runs.run(RunKind.DELIVER, "again", line.deliveries()["pacs"].id)

    assert line.archives["pacs"].sent == sent


def test_a_late_run_from_before_leaves_alone_what_another_is_doing(line: Line, land: Land):
    asked = []

    def meanwhile(_: object) -> Any:
        asked.append(line.item().id)
        line.runs.run(RunKind.ANALYSE, "from before", line.item().id)
        raise RuntimeUnavailableError("the model service does not answer")

    line.runtimes.append(ScriptedRuntime(meanwhile))
    land(chest())

    line.turn(1)

    assert len(asked) == 1
    assert (line.item().state, line.item().attempts) == ("waiting", 1)


def test_a_newer_generation_takes_over_what_nobody_began(line: Line, land: Land, engine: Engine):
    def down(_: object) -> Any:
        raise RuntimeUnavailableError

    line.runtimes.append(ScriptedRuntime(down))
    first = chest()
    land(first)
    line.turn()
    line.runtimes.clear()
    corrected = chest()
    corrected.PatientComments = "corrected"

    land(corrected)
    line.turn()

    with reading(engine) as connection:
        states = dict(connection.execute(select(WORK_ITEM.c.generation, WORK_ITEM.c.state)).all())
    assert states == {1: "superseded", 2: "done"}


def test_a_dead_delivery_is_sent_again_when_asked_and_only_what_is_missing(line: Line, land: Land, engine: Engine):
    line.archives["pacs"].failure = RejectedError("status A900")
    land(chest())
    line.turn()
    line.archives["pacs"].failure = None
    held = next(iter(line.archives["other"].objects))
    line.archives["pacs"].objects[held] = b"taken before it refused"

    with writing(engine) as connection:
        assert retry(connection, line.item().id, "tester", datetime.now(UTC))
    line.turn()

    assert line.item().state == "done"
    assert set(line.archives["pacs"].sent) == line.archives["other"].objects.keys() - {held}


def test_a_failed_analysis_is_done_anew_when_asked(line: Line, land: Land, engine: Engine):
    def broken(_: object) -> Any:
        raise ZeroDivisionError

    line.runtimes.append(ScriptedRuntime(broken))
    land(chest())
    line.turn()
    line.runtimes.clear()

    with writing(engine) as connection:
        assert retry(connection, line.item().id, "tester", datetime.now(UTC))
        assert not retry(connection, line.item().id, "tester", datetime.now(UTC))
    line.turn()

    assert (line.item().state, line.item().outcome, line.item().reason) == ("done", "finding", "")


def test_every_move_is_in_the_history(line: Line, land: Land, engine: Engine):
    land(chest())
    line.turn()

    with reading(engine) as connection:
        told = connection.scalars(select(HISTORY.c.state).order_by(HISTORY.c.id)).all()
    assert told == ["queued", "running", "delivering", "done"]


def test_a_case_is_analysed_by_the_release_it_was_closed_with_whatever_is_promoted_meanwhile(
    line: Line, land: Land, tmp_path: Path
):
    def down(_: object) -> Any:
        raise RuntimeUnavailableError

    before = FolderStore(tmp_path / "releases").resolve("chest_xray_opacity", "champion")
    line.runtimes.append(ScriptedRuntime(down))
    land(chest())
    line.turn()
    after = make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION, version="0.2.0")
    line.runtimes.clear()
    line.due_now()
    line.turn()

    assert (line.item().state, line.item().release_digest) == ("done", before.digest)
    assert FolderStore(tmp_path / "releases").resolve("chest_xray_opacity", "champion").digest == after.digest


def test_a_case_without_a_release_fails_with_the_way_out(line: Line, land: Land, tmp_path: Path):
    (tmp_path / "releases" / "ledger.jsonl").unlink()
    land(chest())

    line.turn()

    assert (line.item().state, line.item().reason_code) == ("failed", "no_release")
    assert "promote" in line.item().reason


GUARDED = GuardDemand(model="image_guard", label="opacity", at_least=0.5)


def test_a_guarded_model_reads_what_its_guard_passed_and_the_report_names_the_guard(
    line: Line, land: Land, tmp_path: Path
):
    make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION, version="0.2.0", guard=GUARDED)
    guard = make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION, name="image_guard")
    land(chest())

    line.turn()

    assert (line.item().outcome, "guard" in line.item().timings) == ("finding", True)
    said = b"".join(line.archives["pacs"].objects.values())
    assert f"guard=image_guard@{guard.short_digest}".encode() in said


def test_a_picture_that_the_guard_refuses_is_not_analysed_and_says_so_everywhere(
    line: Line, land: Land, tmp_path: Path
):
    make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION, version="0.2.0", guard=GUARDED)
    make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION, name="image_guard")
    land(cr_image(np.tile(np.array([400, 500], dtype=np.uint16), (256, 128))))

    line.turn()

    assert (line.item().outcome, line.item().reason_code) == ("not_analysed", "unexpected_picture")
    assert "the picture is not taken for" in line.item().reason
    assert {row.state for row in line.deliveries().values()} == {"accepted"}


def test_a_guarded_model_without_its_guard_analyses_nothing(line: Line, land: Land, tmp_path: Path):
    make_release(tmp_path / "releases", Task.IMAGE_CLASSIFICATION, version="0.2.0", guard=GUARDED)
    land(chest())

    line.turn()

    assert (line.item().outcome, line.item().reason_code) == ("not_analysed", "guard_missing")


def test_a_later_generation_names_what_it_takes_the_place_of_and_rejects_it_where_notes_are_taken(
    line: Line, land: Land, engine: Engine
):
    land(chest())
    line.turn()
    first = set(line.archives["notes"].sent)
    report = next(uid for uid in first if b"1.2.840.10008.5.1.4.1.1.88.34" in line.archives["notes"].objects[uid])
    corrected = chest()
    corrected.PatientComments = "corrected"

    land(corrected)
    line.turn()

    sent = line.archives["notes"].sent
    note = line.archives["notes"].objects[sent[-1]]
    assert sorted(uid for uid in sent if uid.encode() in note and uid != sent[-1]) == sorted(first)
    later = set(line.archives["pacs"].sent) - first
    assert len(later) == 2
    assert any(report.encode() in line.archives["pacs"].objects[uid] for uid in later)


@pytest.mark.parametrize("table", [WORK_ITEM, DELIVERY])
def test_work_that_takes_its_worker_down_each_time_is_put_aside(line: Line, land: Land, engine: Engine, table: Table):
    """Nothing is caught when a process dies; only the count of claims tells."""
    line.archives["pacs"].failure = UnreachableError("nobody answers")
    line.runtimes.append(ScriptedRuntime(_down))
    land(chest())
    line.turn()
    if table is DELIVERY:
        line.runtimes.clear()
        line.due_now()
        line.turn()
    line.runtimes.clear()
    line.archives["pacs"].failure = None
    with writing(engine) as connection:
        connection.execute(update(table).values(attempts=3))

    line.due_now()
    line.turn()

    reason = line.item().reason if table is WORK_ITEM else line.deliveries()["pacs"].reason
    assert line.item().state == "failed"
    assert "takes its worker down" in reason


def _down(_: object) -> Any:
    raise RuntimeUnavailableError
