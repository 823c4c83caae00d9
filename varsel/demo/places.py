"""Where a case's findings lie, read back from what was said and sent, and compared with the truth."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from pydicom import dcmread

from varsel.case_status import CaseStatus, FindingStatus
from varsel.demo.case import Truth


def touches(case: CaseStatus, truth: Truth) -> bool:
    """Whether any polygon or segment of *case* overlaps the *truth*."""
    return any(_overlaps(uid, mask, truth) for uid, mask in _said(case, truth))


def _said(case: CaseStatus, truth: Truth) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """(SOP Instance UID, bool (y, x)) of each place that *case* speaks of."""
    for finding in case.findings:
        if finding.sop_instance_uid in truth and len(finding.polygon) > 2:
            yield finding.sop_instance_uid, _filled(finding, truth[finding.sop_instance_uid].shape)
    for one in case.objects:
        if one.kind == "seg":
            yield from _frames(Path(one.path))


def _filled(finding: FindingStatus, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    image = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(image).polygon(list(finding.polygon), fill=1)
    return np.asarray(image, dtype=np.bool_)


def _frames(path: Path) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Each frame of a Segmentation (PS3.3 A.51) with the image it was drawn on."""
    dataset = dcmread(path)
    # pydicom drops the frame axis of a single frame.
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    for group, frame in zip(dataset.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        yield str(source.ReferencedSOPInstanceUID), frame > 0


def _overlaps(uid: str, mask: npt.NDArray[np.bool_], truth: Truth) -> bool:
    return uid in truth and mask.shape == truth[uid].shape and bool((mask & truth[uid]).any())
