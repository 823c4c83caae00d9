"""Whether and when to try again: decided here as data, done by the worker."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from dicom_io.errors import RejectedError, UnreachableError
from models.errors import RuntimeUnavailableError
from serving.errors import DatabaseDownError, StepOverrunError


class FailureKind(Enum):
    """What sort of failure it was; decides what happens next."""

    #: Something outside was down or slow: the same work may succeed later.
    TRANSIENT = "transient"
    #: A destination answered that it will not take it: someone must mend something there, or here.
    REFUSED = "refused"
    #: A step did not end within its limit: once may be chance, again and again it is the work.
    STUCK = "stuck"
    #: The work itself cannot succeed: the same bytes would fail again.
    POISON = "poison"


#: Errors by kind, first match; any other is poison.
_KINDS: tuple[tuple[type[Exception], FailureKind], ...] = (
    (UnreachableError, FailureKind.TRANSIENT),
    (RuntimeUnavailableError, FailureKind.TRANSIENT),
    (DatabaseDownError, FailureKind.TRANSIENT),
    (RejectedError, FailureKind.REFUSED),
    (StepOverrunError, FailureKind.STUCK),
)
#: A full disk is emptied by somebody; the work had no part in it.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, kw_only=True)
class RetryDecision:
    """What to do after a failure."""

    #: Try again at this moment; None = put it aside.
    again_at: datetime | None
    #: What sort of failure it was.
    kind: FailureKind


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with a ceiling, and a last attempt by kind of failure."""

    #: First wait in seconds; doubles each time.
    first_seconds: float
    #: Longest wait in seconds.
    ceiling_seconds: float
    #: Attempts after which it is put aside when something outside was down.
    maximum_attempts: int
    #: ... and when a step did not end.
    maximum_stuck: int = 3
    #: Tries in a row that took their worker down, after which it is put aside.
    maximum_unended: int = 8

    def decide(self, error: Exception, attempts: int, now: datetime) -> RetryDecision:
        """What to do after *attempts* tries, the last of which ended in *error*."""
        kind = kind_of(error)
        if attempts >= self._attempts_allowed.get(kind, 1):
            return RetryDecision(again_at=None, kind=kind)
        # The exponent is capped: 2.0 ** 1100 overflows long before the ceiling would be asked.
        wait = min(self.first_seconds * 2.0 ** min(attempts - 1, 30), self.ceiling_seconds)
        return RetryDecision(again_at=now + timedelta(seconds=wait), kind=kind)

    def is_worn_out(self, attempts: int, unended: int) -> bool:
        """Whether work was begun more often than any failure that was caught would have let it be."""
        return attempts > self.maximum_attempts or unended > self.maximum_unended

    @property
    def _attempts_allowed(self) -> Mapping[FailureKind, int]:
        """By kind; the kinds that are not named wait for a person at once."""
        return {
            FailureKind.TRANSIENT: self.maximum_attempts,
            FailureKind.STUCK: min(self.maximum_stuck, self.maximum_attempts),
        }


def kind_of(error: Exception) -> FailureKind:
    """Which sort of failure *error* is."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return FailureKind.TRANSIENT
    return next((kind for kind_of_error, kind in _KINDS if isinstance(error, kind_of_error)), FailureKind.POISON)
