"""Our own door as a manager of work items: the same rows, without HTTP in between."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from pydicom.dataset import Dataset
from sqlalchemy import Engine

from dicom_io.ups.workitem import StepState, Workitem, read_workitem
from serving.records import workitems
from serving.records.database import reading, writing

#: Work items looked at in one turn; the rest waits for the next.
_AT_ONCE = 100


class OwnManager:
    """Implements ``dicom_io.ups.worklist.WorkitemManager`` on our tables."""

    def __init__(self, engine: Engine) -> None:
        """Manage the work items on *engine*."""
        self._engine = engine

    def waiting(self) -> Sequence[Workitem]:
        """SCHEDULED work items, oldest first."""
        with reading(self._engine) as connection:
            kept = workitems.find(connection, StepState.SCHEDULED, _AT_ONCE)
        # What is kept was checked when it was created.
        return tuple(read_workitem(one.uid, Dataset.from_json(one.dataset)) for one in kept)

    def move(self, uid: str, to: StepState, transaction_uid: str) -> None:
        """Claim, complete or cancel; see `WorkitemManager.move`."""
        with writing(self._engine) as connection:
            workitems.move(connection, uid, to, transaction_uid, datetime.now(UTC))

    def update(self, uid: str, changes: Dataset, transaction_uid: str) -> None:
        """Report; see `WorkitemManager.update`."""
        with writing(self._engine) as connection:
            workitems.change(connection, uid, changes, transaction_uid, datetime.now(UTC))

    def cancel_requests(self, claimed: AbstractSet[str]) -> AbstractSet[str]:
        """Those of the *claimed* that someone asks to stop."""
        with reading(self._engine) as connection:
            return workitems.cancel_requested(connection) & claimed
