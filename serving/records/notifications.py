"""The book of MPPS and availability notifications, on our tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.notifications import Notification, StepState
from serving.errors import DatabaseDownError
from serving.records import hints
from serving.records.database import reading, writing


class DatabaseNotificationBook:
    """Implements ``dicom_io.receive.notifications.NotificationBook``."""

    def __init__(self, engine: Engine) -> None:
        """Keep on *engine*."""
        self._engine = engine

    def note(self, said: Notification) -> None:
        """Keep *said*; committed when it returns.

        Raises:
            InboxUnavailableError: nothing was kept.
        """
        with _for_the_door(), writing(self._engine) as connection:
            hints.note_notification(connection, said, datetime.now(UTC))

    def step(self, step_uid: str) -> tuple[str, StepState] | None:
        """What is known of a performed procedure step.

        Raises:
            InboxUnavailableError: the database does not answer.
        """
        with _for_the_door(), reading(self._engine) as connection:
            return hints.known_step(connection, step_uid)


@contextmanager
def _for_the_door() -> Iterator[None]:
    try:
        yield
    except DatabaseDownError as error:
        raise InboxUnavailableError(str(error)) from error
