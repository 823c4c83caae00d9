"""The last gate: rules that common validators do not check, on every object before it is written."""

import math
from collections.abc import Iterator

from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage, SegmentationStorage

from dicom_io.errors import ConformanceError
from dicom_io.results.source import PATIENT_AND_STUDY, SourceSeries
from dicom_io.uids import is_valid_uid

_GROUP_TEMPLATES = {"1410", "1411", "1501"}
_TRACKING_IDENTIFIER, _TRACKING_UID = "112039", "112040"
_ALGORITHM_NAME, _ALGORITHM_VERSION = "111001", "111003"
_FINDING_SITE = "363698007"
_OBSERVER_TYPE, _DEVICE = "121005", "121007"
#: Device Observer UID, name, manufacturer, model, serial number (TID 1004).
_DEVICE_OBSERVER = {"121012", "121013", "121014", "121015", "121016"}
_IMAGE_LIBRARY, _IMAGING_MEASUREMENTS, _MEASUREMENT_GROUP = "111028", "126010", "125007"
_STAFF_NAMES = ("OperatorsName", "PerformingPhysicianName", "VerifyingObserverSequence", "ContentCreatorName")


def check(dataset: Dataset, sources: SourceSeries) -> None:
    """Let a result pass, or say everything that is wrong with it.

    Raises:
        ConformanceError: naming every broken rule; no value of a patient attribute stands in the text.
    """
    broken = [*_patient_and_study(dataset, sources), *_identity(dataset)]
    if dataset.SOPClassUID == Comprehensive3DSRStorage:
        broken += _report_rules(dataset, sources)
    elif dataset.SOPClassUID == SegmentationStorage:
        broken += _segmentation_rules(dataset, sources)
    elif dataset.SOPClassUID == SecondaryCaptureImageStorage:
        broken += _capture_rules(dataset, sources)
    if broken:
        raise ConformanceError(f"Result '{dataset.SOPInstanceUID}' may not leave: " + "; ".join(broken))


def _patient_and_study(dataset: Dataset, sources: SourceSeries) -> Iterator[str]:
    for keyword in PATIENT_AND_STUDY:
        if dataset.get(keyword, "") != sources.header.get(keyword, "") and (
            dataset.get(keyword) or sources.header.get(keyword)
        ):
            yield f"{keyword} differs from the source"


def _identity(dataset: Dataset) -> Iterator[str]:
    if dataset.get("SpecificCharacterSet") != "ISO_IR 192":
        yield "Specific Character Set is not ISO_IR 192"
    if not str(dataset.get("SeriesDescription", "")).startswith("AI"):
        yield "Series Description does not start with AI"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if not is_valid_uid(str(dataset.get(keyword, ""))):
            yield f"{keyword} is no valid UID"
    for keyword in _STAFF_NAMES:
        if dataset.get(keyword):
            yield f"{keyword} names a person"


def _report_rules(dataset: Dataset, sources: SourceSeries) -> Iterator[str]:
    if _name(dataset) != "126000":
        yield "root concept is not (126000, DCM, Imaging Measurement Report)"
    if _template(dataset) != "1500":
        yield "root template is not 1500"
    flags = (dataset.get("CompletionFlag"), dataset.get("VerificationFlag"), dataset.get("PreliminaryFlag"))
    if flags != ("COMPLETE", "UNVERIFIED", "PRELIMINARY"):
        yield f"status is {flags}, required COMPLETE, UNVERIFIED, PRELIMINARY"
    yield from _observer_rules(dataset)
    if not any(item.get("ContentSequence") for item in _children(dataset, _IMAGE_LIBRARY)):
        yield "Image Library is missing or empty"
    groups = [
        group for part in _children(dataset, _IMAGING_MEASUREMENTS) for group in _children(part, _MEASUREMENT_GROUP)
    ]
    if not groups:
        yield "there is no Measurement Group"
    for number, group in enumerate(groups, start=1):
        yield from (f"group {number}: {text}" for text in _group_rules(group))
    yield from _tree_rules(dataset)
    yield from _reference_rules(dataset, sources)


def _observer_rules(dataset: Dataset) -> Iterator[str]:
    types = {item.ConceptCodeSequence[0].CodeValue for item in _children(dataset, _OBSERVER_TYPE)}
    if types != {_DEVICE}:
        yield "Observer Type is not Device"
    missing = _DEVICE_OBSERVER - {_name(item) for item in dataset.ContentSequence}
    if missing:
        yield f"device observer lacks {', '.join(sorted(missing))}"


def _group_rules(group: Dataset) -> Iterator[str]:
    names = [_name(item) for item in group.ContentSequence]
    if _template(group) not in _GROUP_TEMPLATES:
        yield "template is not 1410, 1411 or 1501"
    for name in (_TRACKING_IDENTIFIER, _TRACKING_UID, _ALGORITHM_NAME, _ALGORITHM_VERSION):
        if names.count(name) != 1:
            yield f"holds {names.count(name)} of ({name}, DCM), required one"
    references = [_name(item) for item in group.ContentSequence if item.ValueType == "UIDREF"]
    if references[:1] != [_TRACKING_UID]:
        yield "the first UIDREF is not the Tracking Unique Identifier"


def _tree_rules(dataset: Dataset) -> Iterator[str]:
    """Rules on single items, wherever they stand."""
    for item in _descend(dataset):
        if _name(item) == _FINDING_SITE and item.get("RelationshipType") != "HAS CONCEPT MOD":
            yield "Finding Site is not HAS CONCEPT MOD"
        if item.ValueType == "NUM":
            yield from _number_rules(item)
        if item.ValueType == "SCOORD" and item.GraphicType == "POLYLINE":
            corners = list(item.GraphicData)
            if len(corners) < 8 or corners[:2] != corners[-2:]:
                yield "a POLYLINE is not closed"


def _number_rules(item: Dataset) -> Iterator[str]:
    measured = item.MeasuredValueSequence[0]
    if measured.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator != "UCUM":
        yield f"a unit of {_name(item)} is not UCUM"
    if not math.isfinite(float(measured.NumericValue)) or len(str(measured.NumericValue)) > 16:
        yield f"the number of {_name(item)} is not finite or longer than 16 characters"


def _reference_rules(dataset: Dataset, sources: SourceSeries) -> Iterator[str]:
    """Every image named in the tree was read or is evidence of ours, and stands in the evidence (PS3.3 C.17.2.3)."""
    evidence = {
        reference.ReferencedSOPInstanceUID
        for study in dataset.get("CurrentRequestedProcedureEvidenceSequence", [])
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }
    named = {
        (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID)
        for item in _descend(dataset)
        for reference in item.get("ReferencedSOPSequence", [])
    }
    read = _read_uids(sources)
    for sop_class_uid, uid in sorted(named):
        if uid not in evidence:
            yield f"'{uid}' is referenced but not in the evidence"
        if uid not in read and sop_class_uid != SegmentationStorage:
            yield f"'{uid}' is referenced but was not read"


def _segmentation_rules(dataset: Dataset, sources: SourceSeries) -> Iterator[str]:
    if dataset.SegmentationType != "BINARY":
        yield "Segmentation Type is not BINARY"
    if not dataset.get("PixelData") or not any(dataset.PixelData):
        yield "every frame is empty"
    for segment in dataset.SegmentSequence:
        if not segment.get("TrackingUID") or not segment.get("TrackingID"):
            yield f"segment {segment.SegmentNumber} has no tracking identifiers"
    referenced = {
        item.ReferencedSOPInstanceUID
        for one in dataset.ReferencedSeriesSequence
        for item in one.ReferencedInstanceSequence
    }
    if not referenced or referenced - _read_uids(sources):
        yield "Referenced Series Sequence is empty or names images that were not read"


def _capture_rules(dataset: Dataset, sources: SourceSeries) -> Iterator[str]:
    if dataset.get("BurnedInAnnotation") != "YES":
        yield "Burned In Annotation is not YES"
    if not dataset.get("DerivationDescription"):
        yield "Derivation Description is missing"
    if {item.ReferencedSOPInstanceUID for item in dataset.get("SourceImageSequence", [])} - _read_uids(sources):
        yield "Source Image Sequence names an image that was not read"


def _read_uids(sources: SourceSeries) -> set[str]:
    return {instance.sop_instance_uid for _, instance in sources.images}


def _name(item: Dataset) -> str:
    """Code Value of the item's concept name; empty where it has none."""
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def _template(item: Dataset) -> str:
    templates = item.get("ContentTemplateSequence")
    return str(templates[0].TemplateIdentifier) if templates else ""


def _children(item: Dataset, name: str) -> list[Dataset]:
    return [child for child in item.get("ContentSequence", []) if _name(child) == name]


def _descend(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from _descend(child)
