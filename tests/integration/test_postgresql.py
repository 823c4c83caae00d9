"""The same code on PostgreSQL: tables, claims, the audit chain and the durable engine."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories.commits import seen_around_a_commit
from factories.deliveries import Sending
from factories.dicom import cr_image
from postgresql_server import postgresql
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from dicom_io.commitment import CommitmentItem, CommitmentReport
from dicom_io.headers import read_header
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import Arrival, Landing
from dicom_io.results.withdrawal import WithdrawalReason
from dicom_io.send.memory import MemoryDestination
from models.folder_store import FolderStore
from serving.commitment import CommitmentKeeper
from serving.errors import SnapshotError
from serving.intake import Intake
from serving.records import audit, cases, fence, leases, outlook, work
from serving.records.cases import ClosedStudy
from serving.records.database import open_database, reading, reading_in_parts, writing
from serving.records.inbox import DatabaseInbox
from serving.records.migrate import migrate
from serving.records.schema import AUDIT
from serving.records.snapshot import load_snapshot, take_snapshot
from serving.records.work_detail import read_work
from serving.settings.destinations import Destination
from serving.settings.file import Rule
from serving.telemetry.metrics import CommitmentMetrics
from serving.withdraw import Retraction, Withdrawer
from serving.work.dbos_engine import DbosEngine
from serving.work.engine import RunKind


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgresql() as address:
        yield address


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    migrate(opened)
    yield opened
    opened.dispose()


def arrivals(directory: Path) -> Callable[[str], Arrival]:
    def make(study: str) -> Arrival:
        path = directory / f"{study}.dcm"
        cr_image(study=study).save_as(path, enforce_file_format=True)
        header = read_header(path).at(path)
        size = path.stat().st_size
        return Arrival(path=path, header=header, digest=digest_of(path), size_bytes=size, source_ae="SENDER")

    return make


def test_a_commit_is_seen_once_and_not_before(engine: Engine):
    assert seen_around_a_commit(engine) == (False, [True, False])


def test_senders_land_side_by_side_and_each_study_is_claimed_once(engine: Engine, tmp_path: Path):
    inbox = DatabaseInbox(engine, CompletionPolicy(quiet_seconds=0, quiet_after_release_seconds=0))
    make = arrivals(tmp_path)
    landed = [make(f"study-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as senders:
        assert set(senders.map(inbox.land, landed)) == {Landing.NEW}
        assert set(senders.map(inbox.land, landed)) == {Landing.SAME}
    rule = Rule(name="chest", model="chest", modalities=("CR",))
    store = FolderStore(tmp_path / "releases")
    with ThreadPoolExecutor(4) as nodes:
        list(nodes.map(lambda _: Intake(engine, store, [rule]).take_due(), range(4)))
    # There is no such release, so every item failed with that reason; put them back to be claimed.
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE work_item SET state = 'queued'")

    def claim(node: int) -> list[str]:
        with writing(engine) as connection:
            later = datetime.now(UTC) + timedelta(seconds=1)
            return [item.id for item in work.claim_items(connection, f"node-{node}", 3, later)]

    with ThreadPoolExecutor(4) as nodes:
        claimed = [item for items in nodes.map(claim, range(4)) for item in items]
    assert len(claimed) == len(set(claimed)) == 8


def test_nodes_that_look_at_the_same_moment_close_different_studies(engine: Engine, tmp_path: Path):
    inbox = DatabaseInbox(engine, CompletionPolicy(quiet_seconds=0, quiet_after_release_seconds=0))
    landed = [arrivals(tmp_path)(f"apart-{number}") for number in range(2)]
    for arrival in landed:
        inbox.land(arrival)
    now = datetime.now(UTC) + timedelta(seconds=1)

    with writing(engine) as one, writing(engine) as other, writing(engine) as third:
        closed = [cases.close_next(connection, now) for connection in (one, other, third)]

    uids = [arrival.header.study_instance_uid for arrival in landed]
    assert closed == [*(ClosedStudy(study_uid=uid, generation=1) for uid in uids), None]


def test_the_audit_chain_holds_with_many_writers(engine: Engine):
    def write(number: int) -> None:
        with writing(engine) as connection:
            audit.append(connection, "tested", f"subject-{number}", {"number": number})

    with ThreadPoolExecutor(6) as writers:
        list(writers.map(write, range(24)))

    assert audit.first_broken_link(engine) is None


def test_runs_are_durable(url: str):
    done = threading.Event()
    durable = DbosEngine(url, "node-1")
    durable.start({RunKind.ANALYSE: lambda _: done.set()})
    durable.run(RunKind.ANALYSE, "1", "item-1")
    was_done = done.wait(30)
    durable.stop(10)

    assert was_done


def test_migrating_twice_changes_nothing(engine: Engine):
    def version() -> str | None:
        with reading(engine) as connection:
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()

    before = version()
    migrate(engine)

    assert before is not None
    assert version() == before


def test_a_snapshot_of_the_server_fills_an_empty_database_and_no_other(engine: Engine, url: str, tmp_path: Path):
    with writing(engine) as connection:
        audit.append(connection, "tested", "snapshot", {})
    take_snapshot(url, tmp_path / "database")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE second")
    elsewhere = f"{url.rsplit('/', 1)[0]}/second"

    load_snapshot(elsewhere, tmp_path / "database")

    restored = open_database(elsewhere)
    with reading(restored) as there, reading(engine) as here:
        assert there.scalars(select(AUDIT.c.hash)).all() == here.scalars(select(AUDIT.c.hash)).all() != []
    restored.dispose()
    with pytest.raises(SnapshotError, match="already"):
        load_snapshot(elsewhere, tmp_path / "database")


def test_the_delivery_ledger_goes_its_whole_way(engine: Engine, tmp_path: Path):
    """Refused and replaced, accepted, denied, sent again, withdrawn."""
    archive = MemoryDestination()
    archive.refused_classes = {"1.2.840.10008.5.1.4.1.1.88.34"}
    pacs = Destination(name="ledger-pacs", host="127.0.0.1", port=104, ae_title="PACS", storage_commitment=True)
    sending = Sending(engine=engine, directory=tmp_path, destinations=[pacs], outlet_of=lambda _: archive)

    def deny(_: Destination, uid: str, items: Sequence[CommitmentItem]) -> CommitmentReport:
        failed = {one.sop_instance_uid: "0112 no such object instance" for one in items}
        return CommitmentReport(transaction_uid=uid, committed=frozenset(), failed=failed)

    item_id = sending.queue("ledger")
    sending.send(pacs.name)
    assert sending.states(pacs.name) == {"sr": "refused", "sc": "accepted"}
    CommitmentKeeper(engine, [pacs], deny, CommitmentMetrics(CollectorRegistry())).turn()
    assert sending.delivery(pacs.name).state == "waiting"
    sending.send(pacs.name)
    retraction = Retraction(work_item_id=item_id, reason=WithdrawalReason.WITHDRAWN, words="wrong side", actor="tester")
    Withdrawer(engine, tmp_path / "results", "en").withdraw(retraction)
    sending.send(pacs.name)

    told = [(one.purpose, one.state) for one in read_work(engine, item_id).deliveries]
    assert told == [("result", "accepted"), ("withdrawal", "accepted")]


def test_a_node_frozen_in_mid_transaction_holds_up_its_burial_by_seconds_and_the_others_not_at_all(engine: Engine):
    with writing(engine) as connection:
        lease = leases.take(connection, "frozen")
    frozen = fence.under(engine, lease).connect()
    frozen.begin()
    fence.demand(frozen)
    with reading(engine) as connection:
        (pulse,) = leases.pulses(connection, besides="other")

    def bury() -> Sequence[str] | None:
        with writing(engine) as connection:
            return leases.bury(connection, pulse, datetime.now(UTC))

    assert bury() is None
    deadline = time.monotonic() + 20
    while bury() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    with reading(engine) as connection:
        assert leases.pulses(connection, besides="other") == ()
    frozen.invalidate()
    frozen.close()


def test_connections_that_the_server_has_ended_are_not_handed_out(engine: Engine):
    with reading(engine), reading(engine):
        """Two of them wait in the pool from here on."""
    with engine.connect() as connection:
        ended = connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).all()

    with reading(engine) as one, reading(engine) as other, writing(engine) as third:
        answers = [connection.exec_driver_sql("SELECT 1").scalar() for connection in (one, other, third)]

    assert ended
    assert answers == [1, 1, 1]


def test_what_a_connection_knows_by_heart_outlives_a_reading(engine: Engine):
    def known() -> int:
        with reading(engine) as connection:
            outlook.look(connection, datetime.now(UTC))
            return connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()

    assert [known() for _ in range(8)][-1] > 0


def test_a_transaction_that_falls_silent_is_ended_and_a_large_reading_is_not(engine: Engine):
    question = "SELECT current_setting('idle_in_transaction_session_timeout')"
    with writing(engine) as connection:
        limit = connection.exec_driver_sql(question).scalar()
    with reading_in_parts(engine) as connection:
        none = connection.exec_driver_sql(question).scalar()
        numbers = connection.execution_options(yield_per=2).exec_driver_sql("SELECT generate_series(1, 5)").scalars()
        assert list(numbers) == [1, 2, 3, 4, 5]
    with writing(engine) as connection:
        again = connection.exec_driver_sql(question).scalar()

    assert (limit, none, again) == ("5s", "0", "5s")
