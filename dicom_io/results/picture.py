"""Which image of a report to draw, how to window it, and what to write on it."""

from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

from dicom_io.findings import Finding, ImageName, Report, image_names
from dicom_io.results.drawing import Caption, Ground, Mark, draw_findings, ground_of, shown, to_jpeg
from dicom_io.results.wording import words_of
from dicom_io.volume import Radiograph, Volume

#: Hounsfield units that become black and white where there is lung in the slice, and elsewhere.
_LUNG_WINDOW = (-1350.0, 150.0)
_SOFT_TISSUE_WINDOW = (-160.0, 240.0)
#: Share of a slice's voxels with the density of lung from which it is shown as lung.
_LUNG_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class DrawnPicture:
    """What the Secondary Capture and the pages show."""

    #: A JPEG file (`drawing.to_jpeg`).
    jpeg: bytes
    #: Rows, columns.
    size: tuple[int, int]
    #: The image that it is drawn on.
    image: ImageName


def radiograph_ground(radiograph: Radiograph) -> Ground:
    """What a picture of *radiograph* is drawn on, whatever is found."""
    return ground_of(radiograph.pixels, _radiograph_window(radiograph.pixels))


def drawn_picture(
    report: Report, pixels: Radiograph | Volume, moment: datetime, ground: Future[Ground] | None = None
) -> DrawnPicture:
    """The radiograph, or the slice that shows most of the findings, with what was found drawn on it.

    Args:
        report: what was found.
        pixels: where.
        moment: the time of analysis as it shall be read, on the hospital's clock.
        ground: what `radiograph_ground` makes of *pixels*, where somebody is making it already.
    """
    if isinstance(pixels, Radiograph):
        caption = _caption(report, moment)
        image = ImageName(sop_instance_uid=pixels.sop_instance_uid)
        made = radiograph_ground(pixels) if ground is None else ground.result()
        return _as_jpeg(draw_findings(made, _planar_marks(report, image), caption), image)
    index = shown_slice(report, pixels)
    depth = len(pixels.sop_instance_uids)
    caption = _caption(report, moment, f"{words_of(report.language).slice} {index + 1}/{depth}")
    image = _slices_of(pixels)[index]
    marks = _volume_marks(report, index) + _planar_marks(report, image)
    made = ground_of(pixels.voxels[index], _ct_window(pixels.voxels[index]))
    return _as_jpeg(draw_findings(made, marks, caption), image)


def shown_slice(report: Report, volume: Volume) -> int:
    """Index of the slice with the largest mask area, else that of the first placed finding, else the middle one."""
    areas = [one.segment.areas for one in report.findings if one.segment is not None and any(one.segment.areas)]
    if areas:
        return int(np.sum(areas, axis=0).argmax())
    slices = _slices_of(volume)
    placed = [one.region.image for one in report.findings if one.region is not None]
    known = [slices.index(image) for image in placed if image in slices]
    return known[0] if known else len(slices) // 2


def _slices_of(volume: Volume) -> tuple[ImageName, ...]:
    return image_names(volume.sop_instance_uids, volume.frame_numbers)


def _as_jpeg(drawn: Image, image: ImageName) -> DrawnPicture:
    return DrawnPicture(jpeg=to_jpeg(drawn), size=(drawn.height, drawn.width), image=image)


def _planar_marks(report: Report, image: ImageName) -> list[Mark]:
    return [
        Mark(label=_label(one), polygon=one.region.polygon)
        for one in report.findings
        if one.region is not None and one.region.image == image
    ]


def _volume_marks(report: Report, index: int) -> list[Mark]:
    return [
        Mark(label=_label(one), mask=one.segment.mask[index])
        for one in report.findings
        if one.segment is not None and one.segment.areas[index]
    ]


def _label(finding: Finding) -> str:
    return f"{finding.text}  {finding.probability:.0%}".replace("%", " %")


def _caption(report: Report, moment: datetime, place: str = "") -> Caption:
    words = words_of(report.language)
    named = ", ".join(_label(one) for one in report.findings)
    algorithm = report.algorithm
    return Caption(
        warning=words.warning,
        demonstration=words.demonstration if report.demonstration else "",
        provenance=shown((f"{algorithm.name} {algorithm.version}", f"{moment:%Y-%m-%d %H:%M}", place)),
        outcome=f"{words.outcomes[report.outcome]}: {named}" if named else words.outcomes[report.outcome],
    )


def _radiograph_window(pixels: npt.NDArray[np.float32]) -> tuple[float, float]:
    """The values that all but the darkest and brightest percent lie between, told from every 16th row and column."""
    low, high = np.percentile(pixels[::16, ::16], (0.5, 99.5))
    return float(low), float(high)


def _ct_window(hounsfield: npt.NDArray[np.float32]) -> tuple[float, float]:
    sample = hounsfield[::4, ::4]
    lung = np.mean((sample > -950) & (sample < -600))
    return _LUNG_WINDOW if lung >= _LUNG_SHARE else _SOFT_TISSUE_WINDOW
