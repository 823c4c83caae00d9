"""Asking whether a peer is there: C-ECHO (PS3.4 A)."""

from pynetdicom import build_context
from pynetdicom.sop_class import Verification

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.send.association import DicomAddress, associated


def echo(address: DicomAddress) -> None:
    """Ask *address* whether it is there; returns when it says so.

    Raises:
        UnreachableError: no association, or no answer in time.
        RejectedError: it answers with a failure status.
    """
    with associated(address, [build_context(Verification)]) as association:
        response = association.send_c_echo()
    if "Status" not in response:
        raise UnreachableError(f"{address} did not answer a C-ECHO in time or broke off. Check that it runs.")
    if response.Status != 0x0000:
        raise RejectedError(f"{address} answered a C-ECHO with status {int(response.Status):04X}; required: 0000.")
