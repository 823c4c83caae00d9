"""Fetching studies by C-MOVE to our own DICOM node, or by C-GET on the association that asks (PS3.4 C.4.2, C.4.3)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import build_context, build_role, evt, sop_class
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.receive.inbox import Inbox
from dicom_io.receive.neck import Neck, Offer
from dicom_io.receive.query import find_studies
from dicom_io.receive.statuses import StoreStatus
from dicom_io.retrieve.source import FoundStudy, OnProgress, Retrieved, StudyQuery
from dicom_io.send.association import DicomAddress, associate, associated, held_reactor

_PENDING = (0xFF00, 0xFF01)
#: PS3.4 tables C.4-2 and C.4-3.
_UNKNOWN_DESTINATION, _SOME_FAILED = 0xA801, 0xB000
_PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
#: An archive that keeps an object compressed sends it only where its own syntax was accepted.
_COMPRESSED = (
    [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless, JPEGBaseline8Bit, JPEGExtended12Bit],
    [JPEG2000Lossless, HTJ2KLossless, JPEGLSNearLossless, JPEG2000],
)
#: Classes with pixels that models read, asked for in every syntax: three contexts each, of 128 (PS3.8 9.3.2.2).
_IMAGES = (
    sop_class.CTImageStorage,
    sop_class.EnhancedCTImageStorage,
    sop_class.MRImageStorage,
    sop_class.EnhancedMRImageStorage,
    sop_class.ComputedRadiographyImageStorage,
    sop_class.DigitalXRayImageStorageForPresentation,
    sop_class.DigitalXRayImageStorageForProcessing,
    sop_class.DigitalMammographyXRayImageStorageForPresentation,
    sop_class.BreastTomosynthesisImageStorage,
    sop_class.UltrasoundImageStorage,
    sop_class.UltrasoundMultiFrameImageStorage,
    sop_class.SecondaryCaptureImageStorage,
    sop_class.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    sop_class.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    sop_class.MultiFrameTrueColorSecondaryCaptureImageStorage,
    sop_class.NuclearMedicineImageStorage,
    sop_class.PositronEmissionTomographyImageStorage,
    sop_class.XRayAngiographicImageStorage,
    sop_class.XRayRadiofluoroscopicImageStorage,
    sop_class.XRay3DAngiographicImageStorage,
)
#: Other classes that stand in a study, in the clear only.
_OTHERS = (
    sop_class.SegmentationStorage,
    sop_class.ParametricMapStorage,
    sop_class.BasicTextSRStorage,
    sop_class.EnhancedSRStorage,
    sop_class.ComprehensiveSRStorage,
    sop_class.Comprehensive3DSRStorage,
    sop_class.XRayRadiationDoseSRStorage,
    sop_class.KeyObjectSelectionDocumentStorage,
    sop_class.GrayscaleSoftcopyPresentationStateStorage,
    sop_class.EncapsulatedPDFStorage,
    sop_class.RTStructureSetStorage,
    sop_class.RTDoseStorage,
    sop_class.RTPlanStorage,
)


class MoveSource:
    """Has the archive send studies to our DICOM node, which it must know by AE title."""

    def __init__(self, address: DicomAddress, destination_ae_title: str) -> None:
        """Ask *address* to send to *destination_ae_title*."""
        self._address = address
        self._destination = destination_ae_title

    def find(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """By C-FIND; see `StudySource.find`."""
        return find_studies(self._address, query)

    def retrieve(self, study_uid: str, on_progress: OnProgress) -> Retrieved:
        """By C-MOVE; see `StudySource.retrieve`."""
        with associated(self._address, [build_context(StudyRootQueryRetrieveInformationModelMove)]) as association:
            answers = association.send_c_move(
                _identifier(study_uid), self._destination, StudyRootQueryRetrieveInformationModelMove
            )
            return self._follow(answers, on_progress)

    def _follow(self, answers: Iterator[tuple[Dataset, Any]], on_progress: OnProgress) -> Retrieved:
        try:
            return _follow(answers, on_progress, self._address)
        except _DestinationUnknownError:
            raise RejectedError(
                f"{self._address} does not know the AE title '{self._destination}'; required: our DICOM node among its "
                "destinations, with host and port."
            ) from None


class GetSource:
    """Takes studies on the association that asks, straight into the neck."""

    def __init__(self, address: DicomAddress, neck: Neck, inbox: Inbox) -> None:
        """Ask *address*; what comes goes to *neck*, and *inbox* hears when it was all."""
        self._address = address
        self._neck = neck
        self._inbox = inbox

    def find(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """By C-FIND; see `StudySource.find`."""
        return find_studies(self._address, query)

    def retrieve(self, study_uid: str, on_progress: OnProgress) -> Retrieved:
        """By C-GET; see `StudySource.retrieve`."""
        came: set[str] = set()
        with self._listening(came, on_progress) as association:
            answers = association.send_c_get(_identifier(study_uid), StudyRootQueryRetrieveInformationModelGet)
            retrieved = _follow(answers, lambda _: None, self._address)
        if came:
            self._inbox.association_ended(self._address.ae_title, {study_uid}, aborted=False)
        return Retrieved(completed=len(came), failed=retrieved.failed)

    @contextmanager
    def _listening(self, came: set[str], on_progress: OnProgress) -> Iterator[Any]:
        def on_store(event: Any) -> int:
            verdict = self._neck.take(_offer(event, self._address.ae_title))
            if verdict.status is StoreStatus.SUCCESS:
                came.add(str(event.request.AffectedSOPInstanceUID))
                on_progress(len(came))
            return verdict.status.value

        roles = [build_role(uid, scp_role=True) for uid in (*_IMAGES, *_OTHERS)]
        association = associate(self._address, _contexts(), roles=roles, handlers=[(evt.EVT_C_STORE, on_store)])
        with held_reactor(association):
            try:
                yield association
            finally:
                if association.is_established:
                    association.release()


class _DestinationUnknownError(Exception):
    """Move destination unknown (PS3.4 table C.4-2)."""


def _contexts() -> list[Any]:
    asked = [build_context(StudyRootQueryRetrieveInformationModelGet)]
    asked += [build_context(uid, _PLAIN) for uid in (*_IMAGES, *_OTHERS)]
    return asked + [build_context(uid, list(group)) for uid in _IMAGES for group in _COMPRESSED]


def _offer(event: Any, source_ae: str) -> Offer:
    request = event.request
    return Offer(
        dataset=request.DataSet.getvalue() if request.DataSet else b"",
        transfer_syntax_uid=str(event.context.transfer_syntax),
        door="get",
        source_ae=source_ae,
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
    )


def _identifier(study_uid: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = study_uid
    return identifier


def _follow(answers: Iterator[tuple[Dataset, Any]], on_progress: OnProgress, address: DicomAddress) -> Retrieved:
    for answer, _ in answers:
        if "Status" not in answer:
            raise UnreachableError(f"{address} did not answer in time or broke off. Fetch the study again.")
        status = int(answer.Status)
        completed, failed = _count(answer, "Completed") + _count(answer, "Warning"), _count(answer, "Failed")
        if status in _PENDING:
            on_progress(completed)
        elif status in (0x0000, _SOME_FAILED):
            on_progress(completed)
            return Retrieved(completed=completed, failed=failed)
        elif status == _UNKNOWN_DESTINATION:
            raise _DestinationUnknownError
        elif 0xA700 <= status <= 0xA7FF:
            raise UnreachableError(f"{address} is out of resources (status {status:04X}). Fetch the study again later.")
        else:
            raise RejectedError(
                f"{address} refused to send a study with status {status:04X}; required: success (PS3.4 C.4.2.1.5). "
                "Look in its log for the reason."
            )
    raise UnreachableError(f"{address} ended without a final answer. Fetch the study again.")


def _count(answer: Dataset, kind: str) -> int:
    return int(answer.get(f"NumberOf{kind}Suboperations", 0) or 0)
