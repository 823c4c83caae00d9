"""Whether pixels may show who the patient is. They are judged, not cleaned: PS3.15 E.3.1 and E.3.2 are not covered."""

from pydicom.dataset import Dataset

#: Modalities whose pictures bear text by habit.
_MODALITIES_AT_RISK = frozenset(
    {"US", "OT", "ES", "XC", "GM", "DOC", "EPS", "IVUS", "OP", "SC", "SR", "SM", "DG", "TG"}
)
#: Secondary captures of every kind (PS3.4 B.5).
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SCREEN_WORDS = frozenset({"SCREEN SAVE", "SCREENSHOT", "REPORT", "DOSE_INFO", "CSAPARALLEL", "RESULT"})
#: Overlays have the even groups 6000 to 60FE, and Overlay Data as one of their elements (PS3.3 C.9.2).
_OVERLAYS, _OVERLAY_MASK, _OVERLAY_DATA = 0x6000, 0xFF01, 0x3000
#: From thin slices a face can be rebuilt (PS3.15 E.3.2 is not covered).
_FACE_PARTS = frozenset({"HEAD", "BRAIN", "SKULL", "FACE", "NECK", "HEADNECK", "SINUS", "ORBIT"})


def find_burned_in_risk(dataset: Dataset) -> str:
    """Why the pixels may hold text about the patient; empty when nothing says so."""
    if _has_overlay_in_pixels(dataset):
        return "an overlay, in which anything may be drawn, lies in the unused bits of the pixels"
    return _burned_in_risk(dataset)


def _burned_in_risk(dataset: Dataset) -> str:
    annotation = str(dataset.get("BurnedInAnnotation", "") or "")
    if annotation == "YES":
        return "Burned In Annotation (0028,0301) is YES"
    if annotation == "NO":
        return ""
    if str(dataset.get("SOPClassUID", "")).startswith(_SECONDARY_CAPTURE):
        return "it is a secondary capture and does not say that nothing is burned in"
    modality = str(dataset.get("Modality", "") or "")
    if modality in _MODALITIES_AT_RISK:
        return f"pictures of modality {modality} often bear text, and it does not say that nothing is burned in"
    kinds = {str(kind).upper() for kind in dataset.get("ImageType") or []}
    if kinds & _SCREEN_WORDS:
        return "its Image Type (0008,0008) is that of a screen, and it does not say that nothing is burned in"
    return ""


def _has_overlay_in_pixels(dataset: Dataset) -> bool:
    """Whether an overlay has no data of its own: then its bits are those beside the stored ones (PS3.5 8.1.2)."""
    groups = {one.tag.group for one in dataset if one.tag.group & _OVERLAY_MASK == _OVERLAYS}
    return any((group, _OVERLAY_DATA) not in dataset for group in groups)


def shows_face(dataset: Dataset) -> bool:
    """Whether a face could be rebuilt from the slices of this series."""
    part = str(dataset.get("BodyPartExamined", "") or "").upper()
    says_so = str(dataset.get("RecognizableVisualFeatures", "") or "") == "YES"
    return says_so or (part in _FACE_PARTS and str(dataset.get("Modality", "")) in {"CT", "MR", "PT"})
