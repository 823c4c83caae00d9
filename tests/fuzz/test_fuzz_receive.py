"""A short, repeatable part of the fuzzing of the receive path; the long one is in `make fuzz`."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.receive_changes import changed
from tests.fuzz.receive_session import Receiver, running_receiver, valid_session
from tests.integration import raw_peer as raw

SESSION = valid_session()
_BRIEF = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with running_receiver(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


def test_the_unchanged_session_stores_everything(receiver):
    answers = receiver.exchange(b"".join(SESSION))
    receiver.check(answers)
    assert [kind for kind, _ in answers] == [raw.ASSOCIATE_AC, *[raw.DATA] * 4, raw.RELEASE_RP]
    assert len(receiver.inbox.arrivals) == 3


@_BRIEF
@given(st.data())
def test_a_changed_session_crashes_hangs_and_leaks_nothing_and_gets_no_false_success(receiver, data):
    sent = changed(SESSION, lambda low, high: data.draw(st.integers(low, high)))
    receiver.check(receiver.exchange(sent))


@_BRIEF
@given(st.binary(max_size=300))
def test_bytes_that_are_no_session_are_cut_off(receiver, data):
    answers = receiver.exchange(data)
    receiver.check(answers)
    assert {kind for kind, _ in answers} <= {raw.ABORT, raw.ASSOCIATE_RJ}
