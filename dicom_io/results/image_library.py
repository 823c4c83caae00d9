"""TID 1600 Image Library: which images the report is about."""

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from dicom_io.results.source import SourceSeries
from dicom_io.study import Instance

#: CID 29 Acquisition Modality, for what the releases read; others are told as "Other" (CID 32).
_MODALITIES = {
    "CR": codes.cid29.ComputedRadiography,
    "CT": codes.cid29.ComputedTomography,
    "DX": codes.cid29.DigitalRadiography,
    "MR": codes.cid29.MagneticResonance,
    "US": codes.cid29.Ultrasound,
}
_OTHER = codes.cid32.Other
_SOURCE = CodedConcept(value="260753009", scheme_designator="SCT", meaning="Source")


def image_library(sources: SourceSeries) -> Dataset:
    """The library as one group, its descriptors (TID 1602) said once for all images.

    Not highdicom's own: that one repeats twelve descriptors an image and refuses radiographs without
    Patient Orientation or Imager Pixel Spacing, which real ones lack.
    """
    modality = _item("CODE", "HAS ACQ CONTEXT", codes.DCM.Modality)
    modality.ConceptCodeSequence = [CodedConcept.from_code(_MODALITIES.get(sources.images[0][0].modality, _OTHER))]
    group = _container(codes.DCM.ImageLibraryGroup, [modality, *(_image(one) for _, one in sources.images)])
    return _container(codes.DCM.ImageLibrary, [group])


def _image(instance: Instance) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = instance.sop_class_uid
    reference.ReferencedSOPInstanceUID = instance.sop_instance_uid
    item = _item("IMAGE", "CONTAINS", _SOURCE)
    item.ReferencedSOPSequence = [reference]
    return item


def _container(name: Code, items: list[Dataset]) -> Dataset:
    item = _item("CONTAINER", "CONTAINS", name)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = items
    return item


def _item(value_type: str, relationship: str, name: Code | CodedConcept) -> Dataset:
    """A content item (PS3.3 C.17.3) without its value."""
    item = Dataset()
    item.RelationshipType = relationship
    item.ValueType = value_type
    item.ConceptNameCodeSequence = [CodedConcept.from_code(name)]
    return item
