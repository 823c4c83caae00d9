"""Prepare a data set of invented patients for a bundle, through the preprocessing that serving uses."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from dicom_io.volume import Radiograph, Volume
from models.bundle import Bundle
from models.data_layout import ImageClassesLayout, ImageFolderLayout, StayTableLayout
from models.manifest import RadiographPreprocessing, StayPreprocessing, Task, VolumePreprocessing
from models.preprocess import radiograph_to_tensor, volume_to_tensor
from training.datasets import Case, Dataset, Description, Split, split_of, write_dataset
from training.errors import DataError
from training.phantoms.ct import ct_phantom
from training.phantoms.pictures import picture
from training.phantoms.stay_table import draw_stay_table
from training.phantoms.xray import XrayPhantom, xray_phantom

#: Input pixels along one cell of the network's evidence map: stem and one transition halve three times.
_CELL_PX = 8

#: Draws *count* cases for a bundle from a seed, each with its split.
Draw = Callable[[Bundle, int, int], Iterator[tuple[Split, Case]]]

#: Patients unless another count is asked for: enough for the bundle's floors.
DEFAULT_COUNT: Mapping[Task, int] = {
    Task.IMAGE_CLASSIFICATION: 1200,
    Task.VOLUME_SEGMENTATION: 120,
    Task.STAY_RISK: 6000,
}


def prepare_synthetic(bundle: Bundle, directory: Path, count: int | None = None, seed: int = 1) -> Dataset:
    """Draw *count* invented patients for *bundle* and write them as a data set into the new *directory*.

    Raises:
        DataError: *count* is too small for three splits, or *directory* already holds a data set.
    """
    task = bundle.clinical.task
    wanted = DEFAULT_COUNT[task] if count is None else count
    if wanted < 7:
        raise DataError(f"{wanted} patients were asked for; three splits need at least 7")
    description = Description(
        bundle=bundle.name,
        source=f"synthetic: {wanted} invented patients drawn by varsel from seed {seed}",
        seed=seed,
        shard_size=1 if task is Task.VOLUME_SEGMENTATION else 64,
    )
    return write_dataset(directory, synthetic_cases(bundle, wanted, seed), description)


def synthetic_cases(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    """The cases of *count* invented patients for *bundle*, each with its split."""
    if isinstance(bundle.clinical.data, ImageClassesLayout):
        return _pictures(bundle, count, seed)
    if isinstance(bundle.clinical.data, ImageFolderLayout):
        return _labelled_radiographs(bundle, count, seed)
    return _DRAWS[bundle.clinical.task](bundle, count, seed)


def _pictures(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    """Every other picture is of the first class, as where a guard stands; the other classes come by turns."""
    spec = bundle.clinical.preprocessing
    assert isinstance(spec, RadiographPreprocessing)  # noqa: S101  # the task says so; for the type checker
    keys = [label.key for label in bundle.clinical.labels]
    for number in range(count):
        key = keys[0] if number % 2 else keys[1 + number // 2 % (len(keys) - 1)]
        tensor, _ = radiograph_to_tensor(_radiograph(picture(seed * 1_000_000 + number, key), 1.0), spec)
        truth = np.array([one == key for one in keys], dtype=np.float16)[:, np.newaxis, np.newaxis]
        yield (
            split_of(number, count),
            Case(patient=f"SYN-{number:06d}", input=tensor[0].astype(np.float16), label=truth),
        )


def _labelled_radiographs(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    """Truths of whole pictures: the first label is an opacity, its kinds come by turns, left and right."""
    spec, kinds = bundle.clinical.preprocessing, len(bundle.clinical.labels) - 1
    assert isinstance(spec, RadiographPreprocessing)  # noqa: S101  # the task says so; for the type checker
    for number in range(count):
        phantom = xray_phantom(seed * 1_000_000 + number, number % 2 == 1, (272, 240))
        pixels, truth = phantom.pixels.astype(np.float32), np.zeros((1 + kinds, 1, 1), dtype=np.float32)
        if phantom.opacity is not None:
            kind = number // 2 % max(kinds, 1)
            truth[0] = truth[min(1 + kind, kinds)] = 1
            on_the_right = phantom.opacity.left + phantom.opacity.right > pixels.shape[1]
            if on_the_right != bool(kind % 2):
                pixels = pixels[:, ::-1]
        tensor, _ = radiograph_to_tensor(_radiograph(pixels, phantom.spacing_mm), spec)
        yield (
            split_of(number, count),
            Case(patient=f"SYN-{number:06d}", input=tensor[0].astype(np.float16), label=truth),
        )


def _radiographs(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    spec = bundle.clinical.preprocessing
    assert isinstance(spec, RadiographPreprocessing)  # noqa: S101  # the task says so; for the type checker
    for number in range(count):
        size = (272, 240) if number % 3 else (256, 256)
        phantom = xray_phantom(seed * 1_000_000 + number, number % 2 == 1, size)
        radiograph = _radiograph(phantom.pixels.astype(np.float32), phantom.spacing_mm)
        tensor, _ = radiograph_to_tensor(radiograph, spec)
        label = _place_map(phantom, spec)
        # Half precision is finer than the noise of the source and halves the disk.
        yield (
            split_of(number, count),
            Case(patient=f"SYN-{number:06d}", input=tensor[0].astype(np.float16), label=label.astype(np.float16)),
        )


def _place_map(phantom: XrayPhantom, spec: RadiographPreprocessing) -> npt.NDArray[np.float32]:
    """Share (1, y, x) of each cell of the evidence map that the opacity covers."""
    height, width = phantom.pixels.shape
    mask = np.zeros((height, width), dtype=np.float32)
    if phantom.opacity is not None:
        box = phantom.opacity
        rows, columns = np.arange(height)[:, np.newaxis], np.arange(width)
        middle, half = (box.top + box.bottom) / 2, (box.bottom - box.top) / 2
        centre, reach = (box.left + box.right) / 2, (box.right - box.left) / 2
        mask[((rows + 0.5 - middle) / half) ** 2 + ((columns + 0.5 - centre) / reach) ** 2 < 1] = 1
    cells = (spec.size_px[0] // _CELL_PX, spec.size_px[1] // _CELL_PX)
    spread = RadiographPreprocessing(size_px=cells, window_percentiles=(0, 100))
    placed, _ = radiograph_to_tensor(_radiograph(mask, phantom.spacing_mm), spread)
    return placed[0]


def _radiograph(pixels: npt.NDArray[np.float32], spacing_mm: float) -> Radiograph:
    return Radiograph(
        pixels=pixels, value_range=(0, 4095), pixel_spacing_mm=(spacing_mm, spacing_mm), sop_instance_uid=""
    )


def _volumes(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    spec = bundle.clinical.preprocessing
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    for number in range(count):
        rng = np.random.default_rng((seed, number, 3))
        step = float(rng.uniform(1.3, 1.6))
        phantom = ct_phantom(seed * 1_000_000 + number, shape=(40, 240, 256), spacing_mm=(2.5, step, step))
        tensor = volume_to_tensor(_volume(phantom.voxels.astype(np.float32), phantom.spacing_mm), spec)
        label = _at_model_spacing(phantom.mask, phantom.spacing_mm, spec)
        yield (
            split_of(number, count),
            Case(patient=f"SYN-{number:06d}", input=tensor[0].astype(np.float16), label=label),
        )


def _volume(voxels: npt.NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> Volume:
    return Volume(voxels=voxels, spacing_mm=spacing_mm, affine=np.eye(4), sop_instance_uids=(), series_instance_uid="")


def _at_model_spacing(
    mask: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    spec: VolumePreprocessing,
) -> npt.NDArray[np.uint8]:
    unit = VolumePreprocessing(spacing_mm=spec.spacing_mm, window_hu=(0, 1), roi=spec.roi)
    return (volume_to_tensor(_volume(mask.astype(np.float32), spacing_mm), unit)[0] >= 0.5).astype(np.uint8)


def _stays(bundle: Bundle, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    if isinstance(bundle.clinical.data, StayTableLayout):
        return _stay_table(bundle, bundle.clinical.data, count, seed)
    from training.stay_rows import stay_cases  # noqa: PLC0415

    return stay_cases(bundle, count, seed)


def _stay_table(bundle: Bundle, layout: StayTableLayout, count: int, seed: int) -> Iterator[tuple[Split, Case]]:
    """Through a file, so that a table of invented stays is read as a real one is."""
    from evaluation.cohorts.stay_table import read_stay_table  # noqa: PLC0415

    spec = bundle.clinical.preprocessing
    assert isinstance(spec, StayPreprocessing)  # noqa: S101  # the task says so; for the type checker
    with TemporaryDirectory() as directory:
        file = Path(directory) / "stays.csv"
        draw_stay_table(layout, count, seed).to_csv(file, index=False)
        cohort = read_stay_table(file, layout, spec, [label.key for label in bundle.clinical.labels])
    numbers = np.unique(cohort.patients, return_inverse=True)[1]
    for number, patient, row, truth in zip(numbers, cohort.patients, cohort.inputs, cohort.truths, strict=True):
        yield split_of(int(number), count), Case(patient=str(patient), input=row, label=truth)


_DRAWS: Mapping[Task, Draw] = {
    Task.IMAGE_CLASSIFICATION: _radiographs,
    Task.VOLUME_SEGMENTATION: _volumes,
    Task.STAY_RISK: _stays,
}
