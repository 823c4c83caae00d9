"""Storage commitment: archives are asked for it after they accepted, and their reports close the ledger."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from dicom_io.commitment import CommitmentItem, CommitmentReport
from dicom_io.errors import InboxUnavailableError, SendError
from dicom_io.uids import derive_uid
from serving.errors import DatabaseDownError
from serving.records import commitments
from serving.records.database import reading, writing
from serving.settings.destinations import Destination
from serving.telemetry.metrics import CommitmentMetrics
from serving.work.item import CommitmentState

_LOG = structlog.get_logger(__name__)
#: How often due requests are looked for.
_LOOK_SECONDS = 1.0
#: Wait before an archive is asked again that could not be asked.
_UNREACHABLE_SECONDS = 60.0

#: Asks one destination to commit objects under a Transaction UID; its report when that comes at once.
Ask = Callable[[Destination, str, Sequence[CommitmentItem]], CommitmentReport | None]


class CommitmentBook:
    """Takes reports, whichever way they come."""

    def __init__(self, engine: Engine, metrics: CommitmentMetrics) -> None:
        """Record on *engine*, count in *metrics*."""
        self._engine = engine
        self._metrics = metrics

    def reported(self, report: CommitmentReport) -> None:
        """Enter *report* into the ledger.

        Raises:
            InboxUnavailableError: the database is down; the archive should bring it again.
        """
        try:
            with writing(self._engine) as connection:
                answered = commitments.answer(connection, report, datetime.now(UTC))
        except DatabaseDownError as error:
            raise InboxUnavailableError(str(error)) from error
        if answered is None:
            _LOG.warning("A storage commitment report answers no open request of ours.", action="unknown_report")
            return
        self._metrics.commitment(answered.destination, answered.state)
        _LOG.info(
            "A storage commitment was reported.",
            action="commitment_reported",
            destination=answered.destination,
            state=answered.state.value,
        )


class CommitmentKeeper:
    """One thread that asks for what is due, and asks anew where no report came in time."""

    def __init__(
        self, engine: Engine, destinations: Sequence[Destination], ask: Ask, metrics: CommitmentMetrics
    ) -> None:
        """Ask those of *destinations* that commit, by *ask*."""
        self._engine = engine
        self._destinations = {one.name: one for one in destinations if one.storage_commitment}
        self._ask = ask
        self._metrics = metrics
        self._book = CommitmentBook(engine, metrics)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="commitments", daemon=True)

    def start(self) -> None:
        """Begin, where any destination commits."""
        if self._destinations:
            self._thread.start()

    def stop(self) -> None:
        """Ask nothing more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def turn(self) -> None:
        """One look: ask for whatever is due."""
        with reading(self._engine) as connection:
            found = commitments.due(connection, self._destinations.keys(), datetime.now(UTC))
        for delivery_id, name in found:
            if not self._stopping.is_set():
                self._request(delivery_id, self._destinations[name])

    def _loop(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.turn()
            except (DatabaseDownError, InboxUnavailableError) as error:
                _LOG.error("The database cannot be reached; trying again.", action="database_down", error=str(error))

    def _request(self, delivery_id: str, destination: Destination) -> None:
        transaction_uid = derive_uid("commitment", delivery_id, uuid4().hex)
        now = datetime.now(UTC)
        answer_by = now + timedelta(seconds=destination.commitment_seconds)
        with writing(self._engine) as connection:
            # Written before it is sent: a report may be here before the answer to the request.
            objects = commitments.begin(connection, delivery_id, transaction_uid, now, answer_by)
        if not objects:
            return
        items = [
            CommitmentItem(sop_class_uid=one.sop_class_uid, sop_instance_uid=one.sop_instance_uid) for one in objects
        ]
        try:
            report = self._ask(destination, transaction_uid, items)
        except SendError as error:
            self._put_off(delivery_id, destination, error)
            return
        self._metrics.commitment(destination.name, CommitmentState.ASKED)
        if report is not None:
            self._book.reported(report)

    def _put_off(self, delivery_id: str, destination: Destination, error: SendError) -> None:
        _LOG.error(
            "Storage commitment could not be asked for.",
            action="commitment_failed",
            destination=destination.name,
            error=type(error).__name__,
        )
        self._metrics.commitment(destination.name, CommitmentState.EXPIRED)
        again_at = datetime.now(UTC) + timedelta(seconds=_UNREACHABLE_SECONDS)
        with writing(self._engine) as connection:
            commitments.put_off(connection, delivery_id, again_at)
