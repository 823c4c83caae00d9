"""A sheet of validation cases with what the graph says of them, for MLflow.

Only of invented patients, or of data whose bundle says that their licence lets cases be shown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from models.bundle import ClinicalSpec
from models.manifest import Task
from models.onnx_runtime import OnnxRuntime
from training.datasets import Case, Dataset, Split

_COLUMNS, _ROWS = 4, 3
_SAID, _TRUE = "#ff9f1c", "#2ec4b6"

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Example:
    """One picture of the sheet."""

    #: (y, x), 0 to 1.
    image: Plane
    #: (y, x): what the graph points at.
    said: Plane
    #: (y, x): the truth's place; None where only the class is known.
    true: Plane | None
    #: What is written above it.
    title: str


def may_be_shown(data: Dataset, clinical: ClinicalSpec) -> bool:
    """Whether cases of *data* may lie in MLflow as pictures."""
    is_picture = clinical.task in {Task.IMAGE_CLASSIFICATION, Task.VOLUME_SEGMENTATION}
    return is_picture and (clinical.public_cases or data.manifest.source.startswith("synthetic:"))


def example_sheet(graph: Path, clinical: ClinicalSpec, data: Dataset) -> Figure:
    """Validation cases, as many with the first label as without, outlined by what *graph* and truth say."""
    runtime = OnnxRuntime(graph)
    draw = _volume_example if clinical.task is Task.VOLUME_SEGMENTATION else _image_example
    figure = Figure(figsize=(10, 8), layout="constrained")
    places = figure.subplots(_ROWS, _COLUMNS).ravel()
    for place in places:
        place.set_axis_off()
    chosen = _chosen(data.cases(Split.VALIDATION), len(places))
    for place, case in zip(places, chosen, strict=False):
        _show(place, draw(case, runtime, clinical), clinical.labels[0].threshold)
    figure.suptitle(f"orange: said of '{clinical.labels[0].key}'; green: true")
    return figure


def _chosen(cases: Iterable[Case], count: int) -> Iterator[Case]:
    found: tuple[list[Case], list[Case]] = ([], [])
    for case in cases:
        side = found[bool(np.any(case.label[0] > 0))]
        if len(side) < count:
            side.append(case)
    negative, positive = found
    half = min(len(positive), max(count // 2, count - len(negative)))
    yield from islice([*positive[:half], *negative], count)


def _image_example(case: Case, runtime: OnnxRuntime, clinical: ClinicalSpec) -> _Example:
    answer = runtime.infer({clinical.inputs[0].name: case.input[np.newaxis].astype(np.float32)})
    image = case.input[0].astype(np.float32)
    probability = float(answer["probability"][0, 0])
    activation = answer["activation"][0, 0].astype(np.float32)
    truth = case.label[0].astype(np.float32)
    return _Example(
        image=image,
        # Log-odds of a place: above 0 is said.
        said=_as_large(activation > 0, image),
        true=_as_large(truth > 0, image) if truth.ndim == 2 and truth.size > 1 else None,
        title=f"said {probability:.2f}, true {int(np.any(truth > 0))}",
    )


def _volume_example(case: Case, runtime: OnnxRuntime, clinical: ClinicalSpec) -> _Example:
    window, truth = _window(case, clinical.inputs[0].shape[2:])
    probability = runtime.infer({clinical.inputs[0].name: window[np.newaxis]})["probability"][0, 0].astype(np.float32)
    # The slice that shows most of the lesion; the middle one without a lesion.
    areas = truth[0].sum(axis=(1, 2))
    middle = int(areas.argmax()) if areas.any() else len(areas) // 2
    return _Example(
        image=window[0, middle],
        said=probability[middle],
        true=truth[0, middle],
        title=f"highest {probability.max():.2f}, true {int(truth.any())}",
    )


def _window(case: Case, roi: tuple[int, ...]) -> tuple[Plane, Plane]:
    """Input and truth (1, z, y, x) of *roi* around the lesions, or around the middle."""
    marked = np.argwhere(case.label[0] > 0)
    middle = marked.mean(axis=0) if len(marked) else np.array(case.label.shape[1:]) / 2
    pairs = zip(middle, roi, case.input.shape[1:], strict=True)
    starts = [int(np.clip(at - size / 2, 0, max(0, whole - size))) for at, size, whole in pairs]
    place = tuple(slice(start, start + size) for start, size in zip(starts, roi, strict=True))
    parts = [array[:, *place].astype(np.float32) for array in (case.input, case.label[:1])]
    missing = [(0, size - found) for size, found in zip(roi, parts[0].shape[1:], strict=True)]
    image, truth = (np.pad(part, [(0, 0), *missing]) for part in parts)
    return image, truth


def _as_large(mask: npt.NDArray[np.bool_], image: Plane) -> Plane:
    factors = [large / small for large, small in zip(image.shape, mask.shape, strict=True)]
    return ndimage.zoom(mask.astype(np.float32), factors, order=1)


def _show(place: Axes, example: _Example, threshold: float) -> None:
    place.imshow(example.image, cmap="gray", vmin=0, vmax=1)
    place.set_title(example.title, fontsize=9)
    for plane, colour in ((example.true, _TRUE), (example.said, _SAID)):
        # matplotlib warns of a line that is nowhere.
        if plane is not None and plane.min() < threshold <= plane.max():
            place.contour(plane, levels=[threshold], colors=colour, linewidths=1)
