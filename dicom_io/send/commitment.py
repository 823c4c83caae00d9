"""Asking an archive to take responsibility for what it stored: N-ACTION of the push model (PS3.4 J.3.2)."""

import threading
from collections.abc import Sequence
from typing import Any

from pynetdicom import build_context, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_io.commitment import CommitmentItem, CommitmentReport, action_information, read_report
from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.send.association import DicomAddress, associate, held_reactor

_REQUEST_STORAGE_COMMITMENT = 1


def request_commitment(
    address: DicomAddress, transaction_uid: str, items: Sequence[CommitmentItem], *, linger_seconds: float = 0.5
) -> CommitmentReport | None:
    """Ask *address* to commit the storage of *items*; its report when it comes on the same association.

    Most archives report on an association of their own, at once or hours later: then None is given back.

    Args:
        address: the archive.
        transaction_uid: a Transaction UID that was never used before.
        items: what it is to commit.
        linger_seconds: how long the association stays open for the report.

    Raises:
        UnreachableError: no association, or no answer in time.
        RejectedError: it does not offer storage commitment, or refuses the request.
    """
    reported = _Reported()
    association = associate(
        address,
        [build_context(StorageCommitmentPushModel)],
        # PS3.4 J.3.3.1: the archive reports as SCP to us, the SCU, also when it opens the association.
        roles=[build_role(StorageCommitmentPushModel, scu_role=True, scp_role=True)],
        handlers=[(evt.EVT_N_EVENT_REPORT, reported.take)],
    )
    try:
        with held_reactor(association):
            _ask(association, action_information(transaction_uid, items), address)
        # The reactor runs again, and with it the handler of a report on this association.
        reported.came.wait(linger_seconds)
    finally:
        with held_reactor(association):
            if association.is_established:
                association.release()
    return reported.report


class _Reported:
    """Keeps the report that came on the association."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.report: CommitmentReport | None = None

    def take(self, event: Any) -> tuple[int, None]:
        self.report = read_report(event.event_information)
        self.came.set()
        return 0x0000, None


def _ask(association: Any, information: Any, address: DicomAddress) -> None:
    response, _ = association.send_n_action(
        information,
        _REQUEST_STORAGE_COMMITMENT,
        StorageCommitmentPushModel,
        StorageCommitmentPushModelInstance,
    )
    if "Status" not in response:
        raise UnreachableError(f"{address} did not answer a request for storage commitment in time. Ask again.")
    if response.Status != 0x0000:
        raise RejectedError(
            f"{address} refused a request for storage commitment with status {int(response.Status):04X}; required: "
            "0000 (PS3.4 J.3.2). Allow it there, or set storage_commitment = false."
        )
