"""Pixel spacing from the right attribute, and where it holds (PS3.3 10.7.1.3)."""

from dicom_io.elements import Elements
from dicom_io.study import SpacingBasis

#: Modalities whose images lie in the patient, not on a detector behind it.
_SLICED = frozenset({"CT", "MR", "PT", "NM"})
#: Pixel Spacing Calibration Type (0028,0A02): corrected to the patient.
_CALIBRATIONS = frozenset({"GEOMETRY", "FIDUCIAL"})
#: No imaging modality has pixels finer than a micrometre or coarser than a hand.
_PLAUSIBLE_MM = (1e-3, 100.0)


def read_spacing(elements: Elements) -> tuple[tuple[float, float] | None, SpacingBasis]:
    """Spacing between rows, between columns in mm, and where it holds; a pair that is none reads as absent.

    Of a projection image Pixel Spacing (0028,0030) counts as calibrated only where it says how (0028,0A02) or differs
    from Imager Pixel Spacing (0018,1164); without it the detector's spacing is divided by the magnification
    (0018,1114) where that is known, for a measurement on the detector is too long by just that factor.
    """
    pixel = _pair(elements, "PixelSpacing")
    detector = _pair(elements, "ImagerPixelSpacing") or _pair(elements, "NominalScannedPixelSpacing")
    if elements.text("Modality").upper() in _SLICED:
        return pixel, SpacingBasis.PATIENT if pixel else SpacingBasis.UNKNOWN
    if pixel is not None:
        is_calibrated = elements.text("PixelSpacingCalibrationType").upper() in _CALIBRATIONS
        is_corrected = detector is not None and not _alike(pixel, detector)
        return pixel, SpacingBasis.CALIBRATED if is_calibrated or is_corrected else SpacingBasis.DETECTOR
    if detector is None:
        return None, SpacingBasis.UNKNOWN
    magnification = elements.decimals("EstimatedRadiographicMagnificationFactor", 1)
    if magnification and 1.0 <= magnification[0] < 10.0:
        return (detector[0] / magnification[0], detector[1] / magnification[0]), SpacingBasis.CALIBRATED
    return detector, SpacingBasis.DETECTOR


def _pair(elements: Elements, keyword: str) -> tuple[float, float] | None:
    values = elements.decimals(keyword, 2)
    if values is None or not all(_PLAUSIBLE_MM[0] <= value <= _PLAUSIBLE_MM[1] for value in values):
        return None
    return values[0], values[1]


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= 1e-3 * b for a, b in zip(one, other, strict=True))
