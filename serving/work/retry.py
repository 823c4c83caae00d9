"""Whether and when to try again: decided here as data, done by the worker."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from dicom_io.errors import RejectedError, UnreachableError
from models.errors import RuntimeUnavailableError
from serving.errors import DatabaseDownError


class FailureKind(Enum):
    """What sort of failure it was; decides what happens next."""

    #: Something outside was down or slow: the same work may succeed later.
    TRANSIENT = "transient"
    #: A destination answered that it will not take it: someone must mend something there, or here.
    REFUSED = "refused"
    #: The work itself cannot succeed: the same bytes would fail again.
    POISON = "poison"


#: Errors by kind, first match; any other is poison.
_KINDS: tuple[tuple[type[Exception], FailureKind], ...] = (
    (UnreachableError, FailureKind.TRANSIENT),
    (RuntimeUnavailableError, FailureKind.TRANSIENT),
    (DatabaseDownError, FailureKind.TRANSIENT),
    (RejectedError, FailureKind.REFUSED),
)
#: Kinds that pass by themselves; the others wait for a person.
_PASSING = frozenset({FailureKind.TRANSIENT})


@dataclass(frozen=True, kw_only=True)
class RetryDecision:
    """What to do after a failure."""

    #: Try again at this moment; None = put it aside.
    again_at: datetime | None
    #: What sort of failure it was.
    kind: FailureKind


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off with a ceiling and a last attempt."""

    #: First wait in seconds; doubles each time.
    first_seconds: float
    #: Longest wait in seconds.
    ceiling_seconds: float
    #: Attempts after which it is put aside.
    maximum_attempts: int

    def decide(self, error: Exception, attempts: int, now: datetime) -> RetryDecision:
        """What to do after *attempts* tries, the last of which ended in *error*."""
        kind = kind_of(error)
        if kind not in _PASSING or attempts >= self.maximum_attempts:
            return RetryDecision(again_at=None, kind=kind)
        # The exponent is capped: 2.0 ** 1100 overflows long before the ceiling would be asked.
        wait = min(self.first_seconds * 2.0 ** min(attempts - 1, 30), self.ceiling_seconds)
        return RetryDecision(again_at=now + timedelta(seconds=wait), kind=kind)


def kind_of(error: Exception) -> FailureKind:
    """Which sort of failure *error* is."""
    return next((kind for kind_of_error, kind in _KINDS if isinstance(error, kind_of_error)), FailureKind.POISON)
