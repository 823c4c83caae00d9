"""The source images as the results need them: one header read, the rest from values already known."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_io.errors import ConformanceError, NotDicomError
from dicom_io.study import Instance, Series, Study

#: Attributes of the Patient, General Study and Patient Study modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2): equal in the
#: source and in every result, or a viewer takes them for another patient.
PATIENT_AND_STUDY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "EthnicGroup",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ProcedureCodeSequence",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "AdmissionID",
    "TimezoneOffsetFromUTC",
)
#: What highdicom checks more strictly than archives do; given to it empty and copied afterwards.
_STRICTLY_CHECKED = (
    "PatientName",
    "PatientSex",
    "PatientBirthDate",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
#: Type 2 attributes: in every result, empty where the source does not have them.
TYPE_2 = (*_STRICTLY_CHECKED, "PatientID", "AccessionNumber", "StudyID")
#: What a Segmentation takes over from each source image (PS3.3 C.7.6.16) and equipment from the first.
_IMAGE = (
    "SOPClassUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ImageOrientationPatient",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
)


@dataclass(frozen=True, kw_only=True)
class SourceSeries:
    """The images that were read, with the header of the first."""

    #: Every element before the pixels of the first image; text decoded, character set declared ISO_IR 192.
    header: Dataset
    #: The images that were read and the series each lies in, in the report's order.
    images: tuple[tuple[Series, Instance], ...]

    def instance(self, sop_instance_uid: str) -> Instance:
        """The image with that UID.

        Raises:
            ConformanceError: it is not among the images that were read.
        """
        found = self._by_uid.get(sop_instance_uid)
        if found is None:
            raise ConformanceError(
                f"A finding lies on image '{sop_instance_uid}', which is none of the {len(self.images)} source images; "
                "required: findings on images named in the report's source_uids"
            )
        return found

    def stand_in(self, sop_instance_uid: str) -> Dataset:
        """The image's header as highdicom wants it, geometry from the Instance: opening a file costs 2 ms, this 0.2."""
        instance = self.instance(sop_instance_uid)
        dataset = Dataset()
        dataset.update(self._inherited)
        dataset.SOPClassUID = instance.sop_class_uid
        dataset.SOPInstanceUID = sop_instance_uid
        if instance.image_position is not None:
            dataset.ImagePositionPatient = list(instance.image_position)
        return dataset

    @cached_property
    def _by_uid(self) -> dict[str, Instance]:
        return {instance.sop_instance_uid: instance for _, instance in self.images}

    @cached_property
    def _inherited(self) -> Dataset:
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        for keyword in TYPE_2:
            setattr(dataset, keyword, "")
        for keyword in (*PATIENT_AND_STUDY, *_IMAGE):
            if keyword in self.header and keyword not in _STRICTLY_CHECKED:
                dataset.add(self.header[keyword])
        return dataset


def read_sources(study: Study, source_uids: Iterable[str]) -> SourceSeries:
    """The images of *study* named *source_uids*, with the header of the first.

    Raises:
        ConformanceError: there is none, or one is not in the study.
        NotDicomError: the first file is not DICOM.
        OSError: the first file cannot be opened.
    """
    known = {one.sop_instance_uid: (series, one) for series in study.series for one in series.instances}
    uids = tuple(source_uids)
    missing = [uid for uid in uids if uid not in known]
    if missing or not uids:
        raise ConformanceError(
            f"The report names {len(uids)} source images, {len(missing)} of them not in the study; "
            "required: at least one, all of them instances of the study that was read"
        )
    images = tuple(known[uid] for uid in uids)
    return SourceSeries(header=_read_header(images[0][1]), images=images)


def copy_patient_and_study(header: Dataset, result: Dataset) -> None:
    """Give *result* exactly the patient and study that *header* names."""
    for keyword in PATIENT_AND_STUDY:
        if keyword in header:
            result.add(header[keyword])


def _read_header(instance: Instance) -> Dataset:
    try:
        header = dcmread(instance.path, stop_before_pixels=True)
    except InvalidDicomError as error:
        raise NotDicomError(f"Source image '{instance.sop_instance_uid}' is no DICOM file (PS3.10)") from error
    wanted = Dataset()
    for keyword in (
        *PATIENT_AND_STUDY,
        *_IMAGE,
        "SOPInstanceUID",
        "BodyPartExamined",
        "PatientOrientation",
        "Laterality",
    ):
        if keyword in header:
            wanted.add(header[keyword])
    # Decoded with the source's own character set here, encoded as UTF-8 when written: the one set that takes every
    # name, while ISO_IR 100 silently turns other letters into question marks.
    wanted.SpecificCharacterSet = header.get("SpecificCharacterSet", "ISO_IR 100")
    wanted.decode()
    wanted.SpecificCharacterSet = "ISO_IR 192"
    return wanted
