"""Completion: a decision over data, with the time to ask again."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_io.receive.completion import (
    Completion,
    CompletionPolicy,
    CompletionReason,
    SenderState,
    StudyProgress,
    decide,
)

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
POLICY = CompletionPolicy(quiet_seconds=60, quiet_after_release_seconds=5)


def _ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def test_nothing_yet_is_not_complete() -> None:
    progress = StudyProgress(instances=0, last_arrival_at=None, sender=SenderState.SENDING)
    assert decide(progress, POLICY, NOW) == Completion(is_complete=False, due_at=None, why=CompletionReason.NOTHING_YET)


def test_the_expected_count_closes_at_once() -> None:
    progress = StudyProgress(instances=3, last_arrival_at=NOW, sender=SenderState.SENDING, expected_instances=3)
    decision = decide(progress, POLICY, NOW)
    assert (decision.is_complete, decision.why) == (True, CompletionReason.ALL_EXPECTED)


@pytest.mark.parametrize(
    ("sender", "expected", "quiet_for", "is_complete", "due_in"),
    [
        (SenderState.RELEASED, None, 4, False, 1),
        (SenderState.RELEASED, None, 5, True, 0),
        (SenderState.RELEASED, 9, 5, False, 55),
        (SenderState.SENDING, None, 59, False, 1),
        (SenderState.SENDING, None, 60, True, 0),
        (SenderState.ABORTED, None, 5, False, 55),
        (SenderState.ABORTED, None, 60, True, 0),
    ],
)
def test_the_quiet_time_depends_on_how_the_sender_left(
    sender: SenderState, expected: int | None, quiet_for: float, due_in: float, *, is_complete: bool
) -> None:
    progress = StudyProgress(instances=3, last_arrival_at=_ago(quiet_for), sender=sender, expected_instances=expected)
    decision = decide(progress, POLICY, NOW)
    assert decision.is_complete == is_complete
    assert decision.due_at == NOW + timedelta(seconds=due_in)


def test_the_quiet_time_begins_at_the_release_when_that_came_later() -> None:
    progress = StudyProgress(
        instances=3, last_arrival_at=_ago(20), sender=SenderState.RELEASED, association_ended_at=_ago(2)
    )
    assert decide(progress, POLICY, NOW).due_at == NOW + timedelta(seconds=3)
