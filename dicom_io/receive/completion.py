"""When a study is complete enough to be looked at: a pure rule over what has arrived."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class SenderState(Enum):
    """What the last association of a study's sender did."""

    #: It may still be open.
    SENDING = "sending"
    #: The sender closed it in order: it has sent what it meant to send.
    RELEASED = "released"
    #: It broke off: more is likely to come in another.
    ABORTED = "aborted"


class CompletionReason(Enum):
    """What a Completion rests on."""

    #: As many instances as expected are here.
    ALL_EXPECTED = "all_expected"
    #: The sender released its association and nothing came for the short time.
    QUIET_AFTER_RELEASE = "quiet_after_release"
    #: Nothing came for the long time.
    QUIET = "quiet"
    #: Nothing has come yet.
    NOTHING_YET = "nothing_yet"


@dataclass(frozen=True, kw_only=True)
class CompletionPolicy:
    """How long a site waits."""

    #: Quiet time that closes a study whose association is open, was aborted, or is short of what is expected.
    quiet_seconds: float
    #: Quiet time that closes a study after its sender released the association.
    quiet_after_release_seconds: float


@dataclass(frozen=True, kw_only=True)
class StudyProgress:
    """What has arrived of one generation of one study."""

    #: Distinct SOP Instance UIDs here.
    instances: int
    #: When the latest of them came; None when there is none.
    last_arrival_at: datetime | None
    #: What its sender's last association did.
    sender: SenderState
    #: When that association ended; None while it is open.
    association_ended_at: datetime | None = None
    #: Instances that the order, MPPS or IAN promises; None when unknown.
    expected_instances: int | None = None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The decision on one study."""

    #: Whether it may be closed now.
    is_complete: bool
    #: When it may be closed if nothing more happens; None when that cannot be said.
    due_at: datetime | None
    #: What the decision rests on.
    why: CompletionReason


def decide(progress: StudyProgress, policy: CompletionPolicy, now: datetime) -> Completion:
    """Whether the study is complete at *now*, and otherwise when to ask again.

    An expected count closes at once when reached. A sender that released in order has said "that was all", so the short
    time is enough, unless the expected count says that more must come.
    """
    if progress.instances == 0 or progress.last_arrival_at is None:
        return Completion(is_complete=False, due_at=None, why=CompletionReason.NOTHING_YET)
    expected = progress.expected_instances
    if expected is not None and progress.instances >= expected:
        return Completion(is_complete=True, due_at=progress.last_arrival_at, why=CompletionReason.ALL_EXPECTED)
    if progress.sender is SenderState.RELEASED and expected is None:
        return _after(progress, policy.quiet_after_release_seconds, CompletionReason.QUIET_AFTER_RELEASE, now)
    return _after(progress, policy.quiet_seconds, CompletionReason.QUIET, now)


def _after(progress: StudyProgress, seconds: float, why: CompletionReason, now: datetime) -> Completion:
    moments = [moment for moment in (progress.last_arrival_at, progress.association_ended_at) if moment is not None]
    due_at = max(moments) + timedelta(seconds=seconds)
    return Completion(is_complete=now >= due_at, due_at=due_at, why=why)
