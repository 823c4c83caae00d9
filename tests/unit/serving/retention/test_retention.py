"""What has come to its end is cleared away after its time, and nothing else is."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from factories.dicom import cr_image
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, insert, select, update

from dicom_io.headers import read_header
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.inbox import Arrival, Landing
from dicom_io.receive.spool import Spool
from models.folder_store import FolderStore
from serving.feed.kept import KeptState
from serving.intake import Intake
from serving.records import duty_schema  # noqa: F401  Its table belongs to METADATA.
from serving.records.compaction import compact, compact_whole
from serving.records.database import open_database, reading, writing
from serving.records.duties import take_turn
from serving.records.inbox import DatabaseInbox
from serving.records.reconcile import reconcile
from serving.records.schema import DELIVERY, INSTANCE, METADATA, REFUSAL, RESULT, STUDY, WORK_ITEM
from serving.records.snapshot import file_paths
from serving.records.stay_schema import FEED_MESSAGE
from serving.retention.broom import Broom, Clearable, Kind
from serving.retention.clock import RetentionClock
from serving.retention.sweep import Places, believed_now, brooms, find_all
from serving.settings.file import Rule
from serving.settings.retention import Retention
from serving.telemetry.metrics import RetentionMetrics
from serving.work.ended_runs import EndedRuns

LONG_AGO = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: Forty days later: images have had their time, results have not.
NOW = LONG_AGO + timedelta(days=40)
EVERY = timedelta(hours=6)


class House:
    """A site whose one study was analysed and delivered long ago."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine = engine
        self.directory = directory
        self.spool = Spool(directory / "spool")
        self.inbox = DatabaseInbox(engine, CompletionPolicy(quiet_seconds=0, quiet_after_release_seconds=0))
        self.object = cr_image()
        self.study_uid = str(self.object.StudyInstanceUID)
        self.path = self.receive()
        self._read_and_deliver()

    def receive(self) -> Path:
        """The object comes (again) as the receiver takes it."""
        file = self.directory / "sent.dcm"
        self.object.save_as(file, enforce_file_format=True)
        draft = self.spool.begin()
        draft.write(file.read_bytes())
        spooled = self.spool.keep(draft, study_uid=self.study_uid, sop_uid=str(self.object.SOPInstanceUID))
        header = read_header(spooled.path)
        told = {"path": spooled.path, "digest": spooled.digest, "size_bytes": spooled.size_bytes}
        self.landing = self.inbox.land(Arrival(header=header, source_ae="CR1", **told))
        return spooled.path

    def brooms(self, **retention: float) -> dict[Kind, Broom]:
        places = Places(
            engine=self.engine,
            runs=EndedRuns(str(self.engine.url)),
            refused_dir=self.directory / "spool" / "refused",
            results_dir=self.directory / "results",
        )
        return brooms(places, Retention(**retention))

    def clear(self, now: datetime = NOW) -> list[Clearable]:
        of = self.brooms()
        found = list(find_all(of.values(), now))
        for one in found:
            of[one.kind].clear(one, now)
        return found

    def set(self, table: Any, **values: Any) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(table).values(**values))

    def row(self, table: Any) -> Any:
        with reading(self.engine) as connection:
            return connection.execute(select(table)).one()

    def _read_and_deliver(self) -> None:
        result = self.directory / "results" / "w1" / "sr.dcm"
        result.parent.mkdir(parents=True)
        result.write_bytes(b"sr")
        (result.parent / "picture.jpg").write_bytes(b"picture")
        times = dict.fromkeys(("not_before", "created_at", "input_at", "finished_at"), LONG_AGO)
        item = {"id": "w1", "kind": "imaging", "case_id": self.study_uid, "generation": 1, "rule": "chest"}
        model = {"model": "m", "model_version": "1", "release_digest": "d", "priority": 2, "state": "done"}
        sent = {"id": "d1", "work_item_id": "w1", "destination": "pacs", "objects": ["9"], "state": "accepted"}
        told = {"sop_instance_uid": "9", "work_item_id": "w1", "kind": "sr", "sop_class_uid": "1", "sha256": "x"}
        with writing(self.engine) as connection:
            closed = {"last_arrival_at": LONG_AGO, "due_at": None, "generation": 1}
            connection.execute(update(STUDY).values(**closed))
            connection.execute(insert(WORK_ITEM).values(**item, **model, **times))
            connection.execute(insert(DELIVERY).values(**sent, priority=2, not_before=LONG_AGO, created_at=LONG_AGO))
            connection.execute(
                insert(RESULT).values(**told, series_instance_uid="8", path=str(result), created_at=LONG_AGO)
            )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """All tables, made at once: the migrations have tests of their own."""
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path)


def test_images_of_a_study_that_was_read_and_delivered_go_after_their_time(house: House):
    (found,) = house.clear()

    assert (found.kind, found.subject, found.count) == (Kind.IMAGES, house.study_uid, 1)
    assert not house.path.parent.exists()
    row = house.row(INSTANCE)
    assert (row.path, row.current, row.cleared_at, row.header) == ("", False, NOW, "")
    assert house.row(STUDY).cleared_at == NOW


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (STUDY, {"due_at": NOW}),
        (STUDY, {"last_arrival_at": NOW - timedelta(days=29)}),
        (WORK_ITEM, {"state": "queued"}),
        (WORK_ITEM, {"state": "running"}),
        (WORK_ITEM, {"state": "waiting"}),
        (WORK_ITEM, {"state": "delivering"}),
        (WORK_ITEM, {"state": "failed"}),
        (WORK_ITEM, {"finished_at": NOW - timedelta(days=1)}),
        (DELIVERY, {"state": "queued"}),
        (DELIVERY, {"state": "intent"}),
        (DELIVERY, {"state": "waiting"}),
        (DELIVERY, {"state": "dead"}),
        (DELIVERY, {"state": "accepted", "commit_at": LONG_AGO}),
    ],
    ids=lambda one: one.name if hasattr(one, "name") else json.dumps(one, default=str),
)
def test_nothing_goes_that_is_open_undelivered_uncommitted_failed_or_young(
    house: House, table: Any, values: Mapping[str, Any]
):
    house.set(table, **values)

    assert house.clear() == []
    assert house.path.exists()


def test_images_of_a_failed_analysis_go_later(house: House):
    house.set(WORK_ITEM, state="failed")

    assert [one.kind for one in house.clear(LONG_AGO + timedelta(days=91))] == [Kind.IMAGES]


def test_a_study_that_is_being_performed_for_a_work_item_of_a_manager_stays(house: House):
    with writing(house.engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO ups_performed (uid, manager, transaction_uid, study_uid, rule, priority, archive,"
            " work_item_id, asked_alone, state, reason, claimed_at, deadline_at)"
            " VALUES ('1', 'own', '2', ?, 'chest', 2, '', '', 0,"
            " 'claimed', '', '2026-01-01', '2026-01-02')",
            (house.study_uid,),
        )

    assert house.clear() == []


def test_what_was_cut_off_between_giving_up_and_removing_is_finished_by_the_next_round(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Path, "unlink", _no_disk)
    with pytest.raises(OSError, match="gone"):
        house.clear()
    monkeypatch.undo()
    assert house.path.exists()
    assert str(house.path) not in file_paths(house.engine)
    assert reconcile(house.engine, house.inbox, house.spool).is_clean

    house.clear()

    assert not house.path.exists()
    assert house.row(INSTANCE).path == ""


def test_an_object_that_comes_again_is_kept_and_opens_its_study_anew(house: House):
    house.clear()

    path = house.receive()

    assert house.landing is Landing.REPLACED
    assert path.exists()
    row = house.row(INSTANCE)
    assert (row.path, row.current, row.cleared_at) == (str(path), True, None)
    study = house.row(STUDY)
    assert study.cleared_at is None
    assert study.due_at is not None
    assert reconcile(house.engine, house.inbox, house.spool).is_clean


def test_a_part_of_a_cleared_study_is_not_read_for_the_whole(house: House, tmp_path: Path):
    house.clear()
    late = cr_image()
    late.StudyInstanceUID = house.study_uid
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    house.object = late
    house.receive()
    rule = Rule(name="chest", model="m", modalities=("CR",))

    Intake(house.engine, FolderStore(tmp_path / "releases"), (rule,)).take_due()

    with reading(house.engine) as connection:
        item = connection.execute(select(WORK_ITEM).where(WORK_ITEM.c.generation == 2)).one()
    assert (item.state, item.outcome, item.reason_code) == ("done", "not_analysed", "images_cleared")


def test_an_object_that_came_while_its_file_was_removed_is_refused_so_that_it_is_sent_again(house: House):
    house.clear()
    kept = house.spool.keep

    def keep_and_lose(*arguments: Any, **named: Any) -> Any:
        spooled = kept(*arguments, **named)
        header = read_header(spooled.path)
        spooled.path.unlink()
        told = {"path": spooled.path, "digest": spooled.digest, "size_bytes": spooled.size_bytes}
        house.inbox.land(Arrival(header=header, source_ae="CR1", **told))
        return spooled

    house.spool.keep = keep_and_lose  # type: ignore[method-assign]
    with pytest.raises(Exception, match="send it again"):
        house.receive()
    assert house.row(INSTANCE).current is False


def test_results_go_after_a_year_with_their_picture(house: House):
    later = LONG_AGO + timedelta(days=366)

    kinds = [one.kind for one in house.clear(later)]

    assert kinds == [Kind.IMAGES, Kind.RESULTS]
    assert not (house.directory / "results" / "w1").exists()
    row = house.row(RESULT)
    assert (row.path, row.cleared_at) == ("", later)
    assert file_paths(house.engine) == frozenset()


def test_results_that_are_put_aside_stay_however_old(house: House):
    house.set(DELIVERY, state="dead")

    assert house.clear(LONG_AGO + timedelta(days=4000)) == []


def test_refused_bytes_go_when_they_were_last_refused_long_ago(house: House):
    refused = house.directory / "spool" / "refused" / "x.bin"
    refused.write_bytes(b"x")
    row = {"door": "dicom", "reason_code": "not_dicom", "reason": "", "source": "A", "path": str(refused)}
    with writing(house.engine) as connection:
        connection.execute(insert(REFUSAL).values(at=LONG_AGO, **row))
        connection.execute(insert(REFUSAL).values(at=NOW, **row))
    of = house.brooms()[Kind.REFUSED]
    assert list(of.find(LONG_AGO + timedelta(days=100))) == []
    much_later = NOW + timedelta(days=91)

    (found,) = of.find(much_later)
    of.clear(found, much_later)

    assert not refused.exists()
    with reading(house.engine) as connection:
        rows = connection.execute(select(REFUSAL.c.path, REFUSAL.c.cleared_at)).all()
    assert rows == [("", much_later), ("", much_later)]


def test_a_message_goes_once_it_was_taken_and_never_before(house: House):
    row = {"received_at": LONG_AGO, "control_id": "1", "kind": "ADT^A01", "reason_code": "", "reason": "", "body": b"x"}
    with writing(house.engine) as connection:
        connection.execute(insert(FEED_MESSAGE).values(**row, state=KeptState.REFUSED.value))
        connection.execute(insert(FEED_MESSAGE).values(**row, state=KeptState.REPLAYED.value, replayed_at=LONG_AGO))
    of = house.brooms()[Kind.MESSAGE]
    later = LONG_AGO + timedelta(days=91)

    for found in of.find(later):
        of.clear(found, later)

    with reading(house.engine) as connection:
        assert list(connection.scalars(select(FEED_MESSAGE.c.state))) == ["refused"]


def test_zero_days_keep_for_ever(house: House):
    of = house.brooms(images_days=0, results_days=0, refused_days=0, messages_days=0, runs_days=0)

    assert of == {}


def test_a_clock_that_jumps_ahead_does_not_empty_the_site(house: House):
    assert believed_now(house.engine, LONG_AGO + timedelta(days=3650)) == LONG_AGO + timedelta(days=7)


def test_of_several_nodes_one_clears_at_a_time(house: House):
    with writing(house.engine) as connection:
        turns = [
            take_turn(connection, "clean", node, NOW + after, EVERY)
            for node, after in (("a", timedelta()), ("b", timedelta()), ("b", EVERY), ("a", EVERY))
        ]

    assert turns == [True, False, True, False]


def test_a_turn_written_by_a_clock_that_was_set_back_does_not_hold_for_ever(house: House):
    with writing(house.engine) as connection:
        take_turn(connection, "clean", "a", NOW + timedelta(days=365), EVERY)

        assert take_turn(connection, "clean", "a", NOW, EVERY)


def test_the_worker_clears_counts_and_goes_on_after_a_file_that_stays(house: House, monkeypatch: pytest.MonkeyPatch):
    registry = CollectorRegistry()
    house.set(STUDY, last_arrival_at=LONG_AGO)
    clock = RetentionClock(house.engine, "node-1", house.brooms(images_days=5), EVERY, RetentionMetrics(registry))
    monkeypatch.setattr(Path, "unlink", _no_disk)
    assert clock.turn(NOW)
    monkeypatch.undo()

    assert not clock.turn(NOW)
    assert clock.turn(NOW + EVERY)

    assert registry.get_sample_value("varsel_clean_failures_total", {"kind": "images"}) == 1
    assert registry.get_sample_value("varsel_cleared_total", {"kind": "images"}) == 1
    assert registry.get_sample_value("varsel_cleaned_timestamp_seconds") == (NOW + EVERY).timestamp()


@pytest.mark.parametrize("shrink", [compact, compact_whole])
def test_the_file_gives_back_what_deleted_rows_leave(engine: Engine, shrink: Callable[[Engine], int]):
    with writing(engine) as connection:
        row = {"door": "x", "reason_code": "x", "reason": "x" * 4000, "source": "x", "at": NOW}
        connection.execute(insert(REFUSAL), [row] * 200)
    with writing(engine) as connection:
        connection.execute(REFUSAL.delete())

    assert shrink(engine) > 500_000
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(REFUSAL)) == 0


def _no_disk(*_: Any, **__: Any) -> None:
    raise OSError("the disk is gone")
