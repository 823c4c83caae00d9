"""The moves of a work item, all sixteen, by its claimer and by another."""

import itertools

import pytest

from dicom_io.ups.errors import WorkitemConflictError, WorkitemError, WorkitemFormatError, WrongTransactionError
from dicom_io.ups.rules import check_move
from dicom_io.ups.workitem import StepState

MINE, ANOTHERS = "2.25.1", "2.25.2"
SCHEDULED, GOING_ON, DONE, STOPPED = StepState.SCHEDULED, StepState.IN_PROGRESS, StepState.COMPLETED, StepState.CANCELED
#: Table CC.1.1-2 of PS3.4: what moves, and what is so already.
MOVES = {(SCHEDULED, GOING_ON), (GOING_ON, DONE), (GOING_ON, STOPPED)}
ALREADY = {(DONE, DONE), (STOPPED, STOPPED)}


@pytest.mark.parametrize(("before", "wanted"), list(itertools.product(StepState, StepState)))
def test_the_claimer_moves_it_as_the_standard_says(before: StepState, wanted: StepState):
    claimed_by = "" if before is SCHEDULED else MINE
    if (before, wanted) in MOVES | ALREADY:
        assert check_move(before, wanted, claimed_by=claimed_by, given=MINE) is ((before, wanted) in MOVES)
    else:
        with pytest.raises(WorkitemConflictError):
            check_move(before, wanted, claimed_by=claimed_by, given=MINE)


@pytest.mark.parametrize(("before", "wanted"), list(itertools.product([GOING_ON, DONE, STOPPED], StepState)))
def test_another_moves_nothing_that_is_claimed(before: StepState, wanted: StepState):
    with pytest.raises(WorkitemError):
        check_move(before, wanted, claimed_by=MINE, given=ANOTHERS)


def test_another_is_told_that_it_is_not_the_claimer():
    with pytest.raises(WrongTransactionError):
        check_move(GOING_ON, DONE, claimed_by=MINE, given=ANOTHERS)


@pytest.mark.parametrize("given", ["", "none", "1.", "../x"])
def test_a_transaction_is_a_uid(given: str):
    with pytest.raises(WorkitemFormatError):
        check_move(SCHEDULED, GOING_ON, claimed_by="", given=given)
