"""A disk without room is a passing failure."""

import errno

import pytest

from serving.work.retry import FailureKind, kind_of


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_on_the_disk_passes(number: int):
    assert kind_of(OSError(number, "")) is FailureKind.TRANSIENT


def test_a_disk_that_fails_otherwise_waits_for_a_person():
    assert kind_of(OSError(errno.EIO, "")) is FailureKind.POISON
