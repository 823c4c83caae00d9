"""TID 1600 Image Library: which images the report is about."""

from dicom_io.codes import Code
from dicom_io.results.content_items import Relation, code_item, container, image_item
from dicom_io.results.source import SourceSeries

#: CID 29 Acquisition Modality, for what the releases read; others are told as "Other" (CID 32).
_MODALITIES = {
    "CR": Code(value="CR", scheme="DCM", meaning="Computed Radiography"),
    "CT": Code(value="CT", scheme="DCM", meaning="Computed Tomography"),
    "DX": Code(value="DX", scheme="DCM", meaning="Digital Radiography"),
    "MR": Code(value="MR", scheme="DCM", meaning="Magnetic Resonance"),
    "US": Code(value="US", scheme="DCM", meaning="Ultrasound"),
}
_OTHER = Code(value="OT", scheme="DCM", meaning="Other")
_LIBRARY = Code(value="111028", scheme="DCM", meaning="Image Library")
_GROUP = Code(value="126200", scheme="DCM", meaning="Image Library Group")
_MODALITY = Code(value="121139", scheme="DCM", meaning="Modality")
_SOURCE = Code(value="260753009", scheme="SCT", meaning="Source")


def image_library(sources: SourceSeries) -> bytes:
    """The library as one group, its descriptors (TID 1602) said once for all images.

    Not twelve descriptors an image, as some write them: real radiographs often lack Patient Orientation and Imager
    Pixel Spacing.
    """
    modality = _MODALITIES.get(sources.images[0][0].modality, _OTHER)
    images = (
        image_item(Relation.CONTAINS, _SOURCE, (one.sop_class_uid, one.sop_instance_uid)) for _, one in sources.images
    )
    group = container(_GROUP, [code_item(Relation.ACQUISITION, _MODALITY, modality), *images], separate=True)
    return container(_LIBRARY, [group], separate=True)
