"""Whoever manages work items, as a performer sees it: the seam between performing and PS3.18 11."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from pydicom.dataset import Dataset

from dicom_io.ups.workitem import StepState, Workitem


class WorkitemManager(Protocol):
    """Keeps work items and hands them out."""

    def waiting(self) -> Sequence[Workitem]:
        """SCHEDULED work items; those that cannot be read are left out.

        Raises:
            ManagerDownError: it does not answer.
        """

    def move(self, uid: str, to: StepState, transaction_uid: str) -> None:
        """Claim (IN PROGRESS), complete or cancel a work item.

        Raises:
            UnknownWorkitemError: there is none.
            WorkitemConflictError: it does not stand where that is possible.
            ManagerDownError: it does not answer; ask again with the same Transaction UID.
        """

    def update(self, uid: str, changes: Dataset, transaction_uid: str) -> None:
        """Report progress or what was performed.

        Raises:
            UnknownWorkitemError, WorkitemConflictError, ManagerDownError: as `move`.
        """

    def cancel_requests(self, claimed: AbstractSet[str]) -> AbstractSet[str]:
        """Those of the *claimed* work items that someone asks to stop.

        Raises:
            ManagerDownError: it does not answer.
        """
