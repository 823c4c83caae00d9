"""What may be done to a work item in which state (PS3.4 CC.1.1 and table CC.2.5-3): decided here, done elsewhere."""

from pydicom.dataset import Dataset

from dicom_io.uids import is_valid_uid
from dicom_io.ups.errors import WorkitemConflictError, WorkitemFormatError, WrongTransactionError
from dicom_io.ups.workitem import FINAL, StepState, read_workitem

#: Attributes that only a change of state, or nobody, may set (PS3.18 11.6.2).
_NOT_BY_UPDATE = ("ProcedureStepState", "TransactionUID", "SOPInstanceUID", "SOPClassUID")


def check_new(uid: str, dataset: Dataset) -> None:
    """Whether *dataset* may become the work item *uid*.

    Raises:
        WorkitemFormatError: it may not.
    """
    if not is_valid_uid(uid):
        raise WorkitemFormatError("The work item's UID is none by PS3.5 9.1; required: a UID.")
    if dataset.get("TransactionUID"):
        raise WorkitemFormatError("Transaction UID (0008,1195): found one; required: none, nobody has claimed it yet.")
    item = read_workitem(uid, dataset)
    if item.state is not StepState.SCHEDULED:
        raise WorkitemFormatError(f"Procedure Step State: found {item.state.value}; required: SCHEDULED when new.")
    if not item.inputs:
        raise WorkitemFormatError("Input Information Sequence (0040,4021): found none; required: what to work on.")


def check_move(before: StepState, wanted: StepState, *, claimed_by: str, given: str) -> bool:
    """Whether a work item may move from *before* to *wanted*; False when it is there already.

    Args:
        before: where it stands.
        wanted: where it shall go.
        claimed_by: Transaction UID of whoever has claimed it; empty when nobody has.
        given: Transaction UID of the request.

    Raises:
        WorkitemFormatError: *given* is no UID.
        WrongTransactionError: *given* is not that of the claim.
        WorkitemConflictError: the move is not allowed.
    """
    if not is_valid_uid(given):
        raise WorkitemFormatError("Transaction UID (0008,1195): found no UID; required: the one of the claim.")
    if before in FINAL:
        if before is wanted and given == claimed_by:
            return False
        raise WorkitemConflictError(f"The work item is {before.value}: it may no longer be changed.")
    if wanted is StepState.SCHEDULED:
        raise WorkitemConflictError("Only a new work item is SCHEDULED; create another one.")
    if before is StepState.SCHEDULED:
        if wanted is not StepState.IN_PROGRESS:
            raise WorkitemConflictError("The work item is not IN PROGRESS yet; claim it, or ask for its cancellation.")
        return True
    if given != claimed_by:
        raise WrongTransactionError
    if wanted is StepState.IN_PROGRESS:
        raise WorkitemConflictError("The work item is IN PROGRESS already.")
    return True


def check_update(before: StepState, changes: Dataset, *, claimed_by: str, given: str) -> None:
    """Whether *changes* may be made to a work item.

    Raises:
        WorkitemFormatError: they hold what is not changed this way.
        WrongTransactionError: *given* is not that of the claim.
        WorkitemConflictError: it is final.
    """
    if before in FINAL:
        raise WorkitemConflictError(f"The work item is {before.value}: it may no longer be changed.")
    if before is StepState.IN_PROGRESS and given != claimed_by:
        raise WrongTransactionError
    fixed = [keyword for keyword in _NOT_BY_UPDATE if keyword in changes]
    if fixed:
        raise WorkitemFormatError(f"{', '.join(fixed)}: found in an update; required: no such attribute in it.")


def check_complete(dataset: Dataset) -> None:
    """Whether *dataset* says what a COMPLETED work item must: when it was done, and its outputs.

    Raises:
        WorkitemConflictError: it does not.
    """
    performed = dataset.get("UnifiedProcedureStepPerformedProcedureSequence") or [Dataset()]
    wanted = ("PerformedProcedureStepStartDateTime", "PerformedProcedureStepEndDateTime", "OutputInformationSequence")
    missing = [keyword for keyword in wanted if keyword not in performed[0]]
    if missing:
        raise WorkitemConflictError(
            "Unified Procedure Step Performed Procedure Sequence (0074,1216): required for COMPLETED, and not found: "
            f"{', '.join(missing)}."
        )
