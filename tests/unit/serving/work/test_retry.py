"""Whether and when work is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_io.errors import RejectedError, UnreachableError
from models.errors import RuntimeFailedError, RuntimeUnavailableError
from serving.errors import DatabaseDownError
from serving.work.retry import FailureKind, RetryPolicy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RetryPolicy(first_seconds=2, ceiling_seconds=60, maximum_attempts=8)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 4), (3, 8), (7, 60)])
def test_each_wait_doubles_up_to_the_ceiling(attempts: int, seconds: int):
    assert POLICY.decide(UnreachableError(), attempts, NOW).again_at == NOW + timedelta(seconds=seconds)


def test_the_last_attempt_is_the_last():
    assert POLICY.decide(UnreachableError(), 8, NOW).again_at is None


@pytest.mark.parametrize("error", [UnreachableError(), RuntimeUnavailableError(), DatabaseDownError()])
def test_what_was_down_may_come_back(error: Exception):
    assert POLICY.decide(error, 1, NOW).kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("error", [RejectedError(), RuntimeFailedError(), ZeroDivisionError()])
def test_what_cannot_succeed_is_not_tried_again(error: Exception):
    assert POLICY.decide(error, 1, NOW).again_at is None


def test_a_policy_without_end_does_not_overflow():
    endless = RetryPolicy(first_seconds=2, ceiling_seconds=60, maximum_attempts=10_000)

    assert endless.decide(UnreachableError(), 9_999, NOW).again_at == NOW + timedelta(seconds=60)
