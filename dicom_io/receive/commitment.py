"""Reports on storage commitment, which archives bring on an association of their own (PS3.4 J.3.3)."""

import logging
from typing import Any, Protocol

from pynetdicom import evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from dicom_io.commitment import CommitmentReport, read_report
from dicom_io.errors import InboxUnavailableError, NotDicomError
from dicom_io.receive.store_scp import ExtraService

_log = logging.getLogger(__name__)
#: PS3.7 C.5.15 and C.5.16: the archive may bring the report again.
_SUCCESS, _PROCESSING_FAILURE, _INVALID_ARGUMENT = 0x0000, 0x0110, 0x0115


class CommitmentSink(Protocol):
    """Takes reports."""

    def reported(self, report: CommitmentReport) -> None:
        """Record *report* durably.

        Raises:
            InboxUnavailableError: it cannot be recorded now; the archive is told to bring it again.
        """


def commitment_service(sink: CommitmentSink) -> ExtraService:
    """The service for the DICOM door that hands each report to *sink*."""

    def on_report(event: Any) -> tuple[int, None]:
        try:
            sink.reported(read_report(event.event_information))
        except NotDicomError as error:
            _log.warning("A storage commitment report is not understood: %s", error, extra={"action": "bad_report"})
            return _INVALID_ARGUMENT, None
        except InboxUnavailableError:
            return _PROCESSING_FAILURE, None
        return _SUCCESS, None

    return ExtraService(
        abstract_syntax_uid=str(StorageCommitmentPushModel),
        event=evt.EVT_N_EVENT_REPORT,
        handler=on_report,
        is_reported_to_us=True,
    )
