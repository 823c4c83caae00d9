"""TID 1600 Image Library: which images the report is about."""

from highdicom import sr
from highdicom.sr.value_types import ContentSequence
from pydicom.sr.codedict import codes

from dicom_io.results.source import SourceSeries

#: CID 29 Acquisition Modality, for what the releases read; others are told as "Other" (CID 32).
_MODALITIES = {
    "CR": codes.cid29.ComputedRadiography,
    "CT": codes.cid29.ComputedTomography,
    "DX": codes.cid29.DigitalRadiography,
    "MR": codes.cid29.MagneticResonance,
    "US": codes.cid29.Ultrasound,
}
_SOURCE = sr.CodedConcept(value="260753009", scheme_designator="SCT", meaning="Source")


def image_library(sources: SourceSeries) -> sr.ContainerContentItem:
    """The library as one group, its descriptors (TID 1602) said once for all images.

    Not highdicom's own: that one repeats twelve descriptors an image and refuses radiographs without
    Patient Orientation or Imager Pixel Spacing, which real ones lack.
    """
    group = _container(codes.DCM.ImageLibraryGroup)
    group.ContentSequence.append(
        sr.CodeContentItem(
            name=codes.DCM.Modality,
            value=_MODALITIES.get(sources.images[0][0].modality, codes.cid32.Other),
            relationship_type=sr.RelationshipTypeValues.HAS_ACQ_CONTEXT,
        )
    )
    for _, instance in sources.images:
        group.ContentSequence.append(
            sr.ImageContentItem(
                name=_SOURCE,
                referenced_sop_class_uid=instance.sop_class_uid,
                referenced_sop_instance_uid=instance.sop_instance_uid,
                relationship_type=sr.RelationshipTypeValues.CONTAINS,
            )
        )
    library = _container(codes.DCM.ImageLibrary)
    library.ContentSequence.append(group)
    return library


def _container(name: sr.CodedConcept) -> sr.ContainerContentItem:
    item = sr.ContainerContentItem(name=name, relationship_type=sr.RelationshipTypeValues.CONTAINS)
    item.ContentSequence = ContentSequence()
    return item
