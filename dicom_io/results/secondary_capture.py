"""Secondary Capture (PS3.3 A.8.1): the finding drawn on the image, for viewers that show nothing else."""

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from dicom_io.findings import Report
from dicom_io.results.picture import DrawnPicture
from dicom_io.results.provenance import (
    coding_schemes,
    contributing_equipment,
    equipment,
    finish,
    object_uid,
)
from dicom_io.results.source import SourceSeries

SERIES_NUMBER = 921


def secondary_capture(report: Report, drawn: DrawnPicture, sources: SourceSeries) -> Dataset:
    """The picture *drawn* as an RGB object that names its source image and says in its header, too, what it is.

    Raises:
        ConformanceError: the pixels are not those of an image in the report's source_uids.
    """
    source = sources.instance(drawn.sop_instance_uid)
    dataset = hd.sc.SCImage(
        pixel_array=drawn.rgb,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        # Replaced below: highdicom demands a direction, while a picture with bars has the source's or none.
        patient_orientation=("L", "P"),
        study_instance_uid=report.study_instance_uid,
        series_instance_uid=object_uid(report, "sc", "series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=object_uid(report, "sc"),
        instance_number=1,
        specific_character_set="ISO_IR 192",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description=_description(report),
        contributing_equipment=contributing_equipment(report),
        coding_schemes=coding_schemes(),
        **equipment(report.algorithm),
    )
    _describe(dataset, report, sources)
    _refer(dataset, source.sop_class_uid, source.sop_instance_uid)
    finish(dataset, report, sources)
    return dataset


def _description(report: Report) -> str:
    warning = "IKKE TIL DIAGNOSE" if report.language == "da" else "NOT FOR DIAGNOSIS"
    return f"AI - {warning} - {report.algorithm.name}"[:64]


def _describe(dataset: Dataset, report: Report, sources: SourceSeries) -> None:
    """What highdicom leaves out. No pixel spacing: nobody shall measure on a rescaled picture."""
    header = sources.header
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = header.get("PatientOrientation") or ""
    # Laterality is type 2C (PS3.3 C.7.3.1): required, if empty, unless the body part is known not to be paired.
    if header.get("BodyPartExamined"):
        dataset.BodyPartExamined = header.BodyPartExamined
    if "Laterality" in header or not header.get("BodyPartExamined"):
        dataset.Laterality = header.get("Laterality") or ""
    dataset.BurnedInAnnotation = "YES"
    dataset.LossyImageCompression = header.get("LossyImageCompression") or "00"
    dataset.DerivationDescription = (
        f"Drawn by {report.algorithm.name} {report.algorithm.version}, release {report.algorithm.digest[:12]}"
    )[:1024]


def _refer(dataset: Dataset, sop_class_uid: str, sop_instance_uid: str) -> None:
    """Source Image Sequence (0008,2112)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    item.PurposeOfReferenceCodeSequence = [
        hd.sr.CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)
    ]
    dataset.SourceImageSequence = [item]
