"""What a CT model says about a real series on whose slices a radiologist drew boxes around a tumour.

    python -m training.real_series TRACKING_URI RUN DIRECTORY

keeps the answer in the exported run, whence it goes into the release as ``evidence/real_series.json``. DIRECTORY holds
the slices as ``slice_NNN.dcm`` and, for those that show the tumour, ``annotation/slice_NNN.xml`` (Pascal VOC). Nothing
is ever trained or chosen on it.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from dicom_io.headers import assemble_study, read_header
from dicom_io.volume import Volume
from dicom_io.volumes import read_volume
from models.bundle import Bundle, open_bundle
from models.contract import check_stack
from models.manifest import VolumePreprocessing
from models.onnx_runtime import OnnxRuntime
from models.postprocess import Component, components_of
from models.preprocess import probability_to_source_grid, volume_to_tensor
from models.sliding_window import SlidingWindowRuntime, Windows
from training.errors import DataError
from training.tracking import Tracker

Mask = npt.NDArray[np.bool_]
_STRICT = ConfigDict(extra="forbid")
#: Share of a finding that lies in the boxes, and its longest diameter as a share of the longest box side, from which
#: it is the tumour.
_MOSTLY, _LEAST_LENGTH = 0.5, 0.5


@dataclass(frozen=True, kw_only=True)
class BoxedSeries:
    """A volume and the boxes around its tumour."""

    #: The series.
    volume: Volume
    #: bool (z, y, x): inside a box.
    boxes: Mask


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class FoundPiece:
    """One finding."""

    #: Highest probability in it.
    probability: float
    #: Longest diameter in a slice, in mm.
    diameter_mm: float
    #: Volume in mm3.
    volume_mm3: float
    #: Share of it that lies in the boxes, 0 to 1.
    in_boxes: float


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class SeriesReport:
    """What was found on the series."""

    #: Why serving would not analyse it; empty when it would.
    not_analysed: tuple[str, ...]
    #: Slices, distance between them in mm, and how many bear a box.
    slices: int
    slice_spacing_mm: float
    boxed_slices: int
    #: Longest side of a box in mm: the tumour's size as far as it is known.
    longest_box_mm: float
    #: The operating point.
    threshold: float
    #: Whether the tumour was found: a finding that lies mostly in the boxes and is at least half as long as they are.
    found: bool
    #: Findings that touch no box.
    false_positives: int
    #: Strongest first: what the network says, whether or not serving would have asked it.
    pieces: tuple[FoundPiece, ...]


_REPORT = TypeAdapter(SeriesReport)


def keep_real_series(run_id: str, directory: Path, tracker: Tracker) -> SeriesReport:
    """Judge the graph of the exported run *run_id* on the series in *directory* and keep the answer in the run.

    Raises:
        RunError: there is no such run, or it was not exported.
        DataError: *directory* holds no such series.
    """
    series = read_boxed_series(directory)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = open_bundle(tracker.fetch(run_id, "bundle", Path(scratch)))
        report = judge_series(tracker.fetch(run_id, "export", Path(scratch)) / "model.onnx", bundle, series)
        path = Path(scratch) / "real_series.json"
        path.write_bytes(_REPORT.dump_json(report, indent=2) + b"\n")
        tracker.keep(run_id, path, "export")
    return report


def read_boxed_series(directory: Path) -> BoxedSeries:
    """The series in *directory* with its boxes.

    Raises:
        DataError: a slice or a box is missing.
        DicomIoError: the slices form no series.
    """
    slices, drawn = sorted(directory.glob("slice_*.dcm")), sorted(directory.glob("annotation/slice_*.xml"))
    if not slices or not drawn:
        raise DataError(
            f"'{directory}' has {len(slices)} files slice_NNN.dcm and {len(drawn)} annotation/slice_NNN.xml; "
            "required is one of each at least"
        )
    headers = {path.stem: read_header(path) for path in slices}
    volume = read_volume(assemble_study(headers.values()).series[0])
    boxes = np.zeros(volume.voxels.shape, dtype=np.bool_)
    for path in drawn:
        if path.stem not in headers:
            raise DataError(f"'{path}' has no slice '{path.stem}.dcm' beside it")
        place = volume.sop_instance_uids.index(headers[path.stem].instance.sop_instance_uid)
        for left, top, right, bottom in _boxes(path):
            boxes[place, top:bottom, left:right] = True
    return BoxedSeries(volume=volume, boxes=boxes)


def judge_series(graph: Path, bundle: Bundle, series: BoxedSeries) -> SeriesReport:
    """What *graph* says about *series*, by serving's own steps."""
    spec, label = bundle.clinical.preprocessing, bundle.clinical.labels[0]
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    volume = series.volume
    runtime = SlidingWindowRuntime(
        OnnxRuntime(graph, threads=2),
        windows=Windows(roi=spec.roi, overlap=spec.overlap),
        labels=len(bundle.clinical.labels),
        tensors=("image", "probability"),
    )
    answer = runtime.infer({"image": volume_to_tensor(volume, spec)})["probability"][0].astype(np.float32, copy=False)
    z, y, x = volume.voxels.shape
    cut = probability_to_source_grid(answer[0], (z, y, x), label.threshold)
    components = components_of(cut.values, label.threshold, volume.spacing_mm, label.minimum_volume_mm3)
    pieces = tuple(
        _piece(replace(component, mask=cut.on_whole_grid(component.mask)), series.boxes) for component in components
    )
    longest_box_mm = _longest_side_mm(series)
    return SeriesReport(
        not_analysed=tuple(
            one.text for one in check_stack(len(volume.voxels), volume.spacing_mm[0], bundle.clinical.limits)
        ),
        slices=len(volume.voxels),
        slice_spacing_mm=round(volume.spacing_mm[0], 3),
        boxed_slices=int(series.boxes.any(axis=(1, 2)).sum()),
        longest_box_mm=round(longest_box_mm, 1),
        threshold=label.threshold,
        found=any(_is_tumour(piece, longest_box_mm) for piece in pieces),
        false_positives=sum(piece.in_boxes == 0 for piece in pieces),
        pieces=pieces,
    )


def _is_tumour(piece: FoundPiece, longest_box_mm: float) -> bool:
    # A vessel or an edge inside the box is no tumour found.
    return piece.in_boxes >= _MOSTLY and piece.diameter_mm >= _LEAST_LENGTH * longest_box_mm


def _piece(component: Component, boxes: Mask) -> FoundPiece:
    return FoundPiece(
        probability=round(component.probability, 4),
        diameter_mm=round(component.diameter_mm, 1),
        volume_mm3=round(component.volume_mm3),
        in_boxes=round(float(boxes[component.mask].mean()), 3),
    )


def _longest_side_mm(series: BoxedSeries) -> float:
    _, down, across = series.volume.spacing_mm
    marked = [plane for plane in series.boxes if plane.any()]
    return max(max(plane.any(axis=1).sum() * down, plane.any(axis=0).sum() * across) for plane in marked)


def _boxes(path: Path) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of each box in pixels."""
    try:
        drawn = ET.parse(path).getroot().findall("object/bndbox")  # noqa: S314  # a file that we were given
        names = ("xmin", "ymin", "xmax", "ymax")
        return [tuple(int(box.findtext(name, "")) for name in names) for box in drawn]  # type: ignore[misc]
    except (ET.ParseError, ValueError) as error:
        raise DataError(f"'{path}' is no Pascal VOC annotation ({error}); required is object/bndbox") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """The command in the module's docstring."""
    parser = argparse.ArgumentParser(description="Judge an exported CT run on a real series with boxes.")
    parser.add_argument("tracking_uri")
    parser.add_argument("run")
    parser.add_argument("directory", type=Path)
    given = parser.parse_args(arguments)
    keep_real_series(given.run, given.directory, Tracker(given.tracking_uri))


if __name__ == "__main__":
    main()
