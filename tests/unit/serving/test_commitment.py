"""Storage commitment with archives that a real one cannot be made to be: silent, late, lying."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories.deliveries import Sending
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select, update

from dicom_io.commitment import CommitmentItem, CommitmentReport
from dicom_io.errors import UnreachableError
from dicom_io.send.memory import MemoryDestination
from serving.commitment import CommitmentBook, CommitmentKeeper
from serving.records.database import reading, writing
from serving.records.delivery_schema import COMMITMENT
from serving.records.schema import DELIVERY
from serving.settings.destinations import Destination
from serving.telemetry.metrics import CommitmentMetrics


class Archive:
    """Asked for commitment, it answers as it is told, at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.is_down = False
        self.denies = False
        self.is_silent = False

    def ask(
        self, destination: Destination, transaction_uid: str, items: Sequence[CommitmentItem]
    ) -> CommitmentReport | None:
        if self.is_down:
            raise UnreachableError
        self.asked.append((transaction_uid, [one.sop_instance_uid for one in items]))
        return None if self.is_silent else self.report(*self.asked[-1])

    def report(self, transaction_uid: str, uids: Sequence[str]) -> CommitmentReport:
        failed = {uids[0]: "0112 no such object instance"} if self.denies else {}
        return CommitmentReport(
            transaction_uid=transaction_uid, committed=frozenset(uids) - failed.keys(), failed=failed
        )


@pytest.fixture
def store() -> MemoryDestination:
    return MemoryDestination()


@pytest.fixture
def sending(engine: Engine, store: MemoryDestination, tmp_path: Path) -> Sending:
    pacs = Destination(name="pacs", host="127.0.0.1", port=104, ae_title="PACS", storage_commitment=True)
    return Sending(engine=engine, directory=tmp_path, destinations=[pacs], outlet_of=lambda _: store)


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def keeper(engine: Engine, sending: Sending, archive: Archive, registry: CollectorRegistry) -> CommitmentKeeper:
    return CommitmentKeeper(engine, sending.destinations, archive.ask, CommitmentMetrics(registry))


def due_again(engine: Engine) -> None:
    """As if the wait for the report were over."""
    with writing(engine) as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(DELIVERY).where(DELIVERY.c.commit_at.is_not(None)).values(commit_at=past))


def requests(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.scalars(select(COMMITMENT.c.state).order_by(COMMITMENT.c.asked_at)))


def test_an_archive_that_reports_on_the_same_association_closes_the_ledger_at_once(
    sending: Sending, keeper: CommitmentKeeper, registry: CollectorRegistry
):
    sending.queue("study-1")
    sending.send("pacs")

    keeper.turn()

    assert sending.delivery("pacs").state == "committed"
    assert registry.get_sample_value("varsel_commitments_total", {"destination": "pacs", "state": "kept"}) == 1


def test_what_is_not_accepted_yet_is_not_asked_about_and_what_is_committed_not_again(
    sending: Sending, keeper: CommitmentKeeper, archive: Archive
):
    sending.queue("study-1")
    keeper.turn()
    assert archive.asked == []

    sending.send("pacs")
    keeper.turn()
    keeper.turn()
    assert len(archive.asked) == 1


def test_without_a_report_in_time_the_archive_is_asked_anew(
    sending: Sending, keeper: CommitmentKeeper, archive: Archive, engine: Engine
):
    archive.is_silent = True
    sending.queue("study-1")
    sending.send("pacs")
    keeper.turn()
    keeper.turn()
    assert len(archive.asked) == 1

    due_again(engine)
    keeper.turn()

    first, second = archive.asked
    assert first[0] != second[0]
    assert first[1] == second[1]
    assert requests(engine) == ["expired", "asked"]


def test_a_report_on_an_expired_request_counts_all_the_same_and_only_once(
    sending: Sending, keeper: CommitmentKeeper, archive: Archive, engine: Engine
):
    archive.is_silent = True
    sending.queue("study-1")
    sending.send("pacs")
    keeper.turn()
    due_again(engine)
    keeper.turn()
    book = CommitmentBook(engine, CommitmentMetrics(CollectorRegistry()))

    for _ in range(2):
        book.reported(archive.report(*archive.asked[0]))

    assert sending.delivery("pacs").state == "committed"
    assert requests(engine) == ["kept", "asked"]


def test_a_report_that_answers_nothing_of_ours_changes_nothing(sending: Sending, engine: Engine):
    sending.queue("study-1")
    objects = sending.send("pacs")
    book = CommitmentBook(engine, CommitmentMetrics(CollectorRegistry()))

    book.reported(
        CommitmentReport(
            transaction_uid="1.2.3", committed=frozenset(), failed={objects[0].sop_instance_uid: "0112 no such"}
        )
    )

    assert sending.delivery("pacs").state == "accepted"


def test_an_archive_that_cannot_be_asked_is_asked_later(
    sending: Sending, keeper: CommitmentKeeper, archive: Archive, engine: Engine
):
    archive.is_down = True
    sending.queue("study-1")
    sending.send("pacs")
    keeper.turn()
    assert sending.delivery("pacs").commit_at > datetime.now(UTC) + timedelta(seconds=30)

    archive.is_down = False
    due_again(engine)
    keeper.turn()
    assert sending.delivery("pacs").state == "committed"


def test_an_archive_that_keeps_denying_what_it_keeps_accepting_is_left_to_a_person(
    sending: Sending, keeper: CommitmentKeeper, archive: Archive, store: MemoryDestination
):
    """It even claims to hold the object when asked: its word is not believed, the object is sent again."""
    archive.denies = True
    item_id = sending.queue("study-1")

    for expected in ("waiting", "waiting", "dead"):
        sending.send("pacs")
        keeper.turn()
        assert sending.delivery("pacs").state == expected

    denied = archive.asked[0][1][0]
    assert [store.sent.count(uid) for uid in archive.asked[0][1]] == [3, 1]
    assert store.sent.count(denied) == 3
    item = sending.item(item_id)
    assert (item.state, item.reason_code) == ("failed", "delivery_dead")
    assert "denied by the archive: 0112" in item.reason
