"""Nodules of known shape placed into the lungs of real CT scans: real texture, pleura and vessels, and a known truth.

Scans are taken from a directory as they are published: NIfTI files in Hounsfield units, label maps beside them or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from dicom_io.volume import Volume
from models.bundle import Bundle
from models.manifest import VolumePreprocessing
from models.preprocess import volume_to_tensor
from training.datasets import Case, Dataset, Description, Split, write_dataset
from training.errors import DataError
from training.synthetic import synthetic_cases

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Label maps lie beside the scans under this ending.
_LABELS_END = "_seg.nii.gz"
#: A scan whose thinnest voxel is denser than this holds no air, so it is no CT in Hounsfield units.
_AIR_HU = -900.0
#: Lung, smoothed, in Hounsfield units: denser than gas in the bowel, thinner than tissue.
_LUNG_HU = (-930.0, -600.0)
#: Less lung than this in one piece is no lung, in mm3; gas and stool in the bowel stay below.
_LEAST_LUNG_MM3 = 15_000.0
#: Cases drawn from one scan.
CASES_PER_SCAN = 12


@dataclass(frozen=True, kw_only=True)
class LungScan:
    """One real CT at the model's spacing."""

    #: Pseudonym: a number in the order of file names.
    patient: str
    #: float32 (z, y, x), 0 to 1 over the model's window.
    tensor: Field
    #: bool (z, y, x): the lungs.
    lungs: Mask


def prepare_real_lungs(bundle: Bundle, source: Path, directory: Path, count: int, seed: int) -> Dataset:
    """A data set for *bundle* in the new *directory*: *count* invented patients, and the scans below *source*.

    The scans are for training alone: too few to judge by, and they show one part of the lungs.

    Raises:
        DataError: no scan shows lung, or *directory* already holds a data set.
    """
    spec = bundle.clinical.preprocessing
    assert isinstance(spec, VolumePreprocessing)  # noqa: S101  # the task says so; for the type checker
    real = list(real_lung_cases(source, spec, seed))
    scans = len({case.patient for _, case in real})
    described = (
        f"{count} invented patients drawn by varsel from seed {seed}; nodules drawn into {scans} real CT, "
        f"{len(real)} times, for training alone"
    )
    description = Description(bundle=bundle.name, source=described, seed=seed, shard_size=1)
    return write_dataset(directory, chain(real, synthetic_cases(bundle, count, seed)), description)


def real_lung_cases(directory: Path, spec: VolumePreprocessing, seed: int) -> Iterator[tuple[Split, Case]]:
    """Cases for training, several of each scan below *directory*, each with none to three nodules of its own.

    Raises:
        DataError: no scan there shows lung.
    """
    scans = lung_scans(directory, spec)
    for number, scan in enumerate(scans):
        for variant in range(CASES_PER_SCAN):
            rng = np.random.default_rng((seed, number, variant, 5))
            tensor, mask = place_nodules(rng, scan, spec)
            label = mask[np.newaxis].astype(np.uint8)
            yield Split.TRAIN, Case(patient=scan.patient, input=tensor[np.newaxis].astype(np.float16), label=label)


def lung_scans(directory: Path, spec: VolumePreprocessing) -> tuple[LungScan, ...]:
    """Every scan below *directory* that shows lung, at the spacing of *spec*; others are left out.

    Raises:
        DataError: there is none.
    """
    found = []
    for number, volume in enumerate(_volumes(directory)):
        tensor = volume_to_tensor(volume, spec)[0, 0]
        lungs = lungs_of(tensor, spec)
        if lungs.any():
            found.append(LungScan(patient=f"CT-{number:03d}", tensor=tensor, lungs=lungs))
    if not found:
        raise DataError(
            f"'{directory}' holds no CT that shows lung; required: NIfTI files (.nii.gz) in Hounsfield "
            "units with at least 15 mL of lung, or --data synthetic"
        )
    return tuple(found)


def lungs_of(tensor: Field, spec: VolumePreprocessing) -> Mask:
    """The lungs (z, y, x) of a CT at the spacing and in the window of *spec*; empty where there is hardly any."""
    low, high = spec.window_hu
    smooth = ndimage.uniform_filter(tensor, [2 * round(2 / step) + 1 for step in spec.spacing_mm]) * (high - low) + low
    thin = (smooth > _LUNG_HU[0]) & (smooth < _LUNG_HU[1])
    # Gas has an edge where it is as dense as lung: a shell of a few millimetres, which an opening removes.
    opened = ndimage.binary_opening(thin, np.ones([2 * round(2.5 / step) + 1 for step in spec.spacing_mm]))
    labelled, count = ndimage.label(opened)
    sizes = np.bincount(labelled.ravel(), minlength=count + 1) * np.prod(spec.spacing_mm)
    sizes[0] = 0
    return np.asarray((sizes >= _LEAST_LUNG_MM3)[labelled] & _inside_body(smooth))


def place_nodules(rng: np.random.Generator, scan: LungScan, spec: VolumePreprocessing) -> tuple[Field, Mask]:
    """The scan with none to three solid nodules of 6 to 16 mm in its lungs, and where they are, both (z, y, x)."""
    tensor, mask = scan.tensor, np.zeros(scan.lungs.shape, dtype=np.bool_)
    free = np.argwhere(scan.lungs)
    for _ in range(int(rng.integers(0, 4))):
        places = _nodule(rng, spec.spacing_mm) + free[rng.integers(len(free))]
        mask[tuple(places[np.all((places >= 0) & (places < mask.shape), axis=1)].T)] = True
    # At the pleura, the part that would lie in the chest wall is the wall's.
    mask &= ndimage.binary_dilation(scan.lungs)
    if mask.any():
        tensor = _filled(rng, tensor, mask, spec)
    return tensor, mask


def _nodule(rng: np.random.Generator, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.int_]:
    """Offsets (n, 3) of the voxels of a knobbly ellipsoid from its middle."""
    half = [int(np.ceil(12 / step)) for step in spacing_mm]
    axes = [np.arange(-reach, reach + 1) * step for reach, step in zip(half, spacing_mm, strict=True)]
    radii = rng.uniform(6, 16) / 2 * rng.uniform(0.85, 1.15, 3)
    z, y, x = np.meshgrid(*(axis / radius for axis, radius in zip(axes, radii, strict=True)), indexing="ij")
    knobs = ndimage.gaussian_filter(rng.standard_normal(z.shape), [2 / step for step in spacing_mm])
    return np.argwhere(np.sqrt(z**2 + y**2 + x**2) + 0.12 * knobs / knobs.std() < 1) - half


def _filled(rng: np.random.Generator, tensor: Field, mask: Mask, spec: VolumePreprocessing) -> Field:
    low, high = spec.window_hu
    soft = ndimage.gaussian_filter(mask.astype(np.float32), [0.8 / step for step in spec.spacing_mm])
    noise = ndimage.gaussian_filter(rng.standard_normal(tensor.shape, dtype=np.float32), (0, 0.6, 0.6)) * 30
    tissue = (rng.uniform(-20, 60) + noise - low) / (high - low)
    return np.clip(tensor * (1 - soft) + tissue * soft, 0, 1).astype(np.float32)


def _inside_body(smooth: Field) -> Mask:
    """Slice by slice, what tissue encloses; the table and the clothes lie outside."""
    return np.stack([ndimage.binary_fill_holes(plane > -400) for plane in smooth])


def _volumes(directory: Path) -> Iterator[Volume]:
    for path in sorted(directory.glob("*.nii.gz")):
        volume = None if path.name.endswith(_LABELS_END) else _read_nifti(path)
        if volume is not None and volume.voxels.min() < _AIR_HU:
            yield volume


def _read_nifti(path: Path) -> Volume:
    """The image at *path* as axial slices from feet to head, rows from front to back."""
    try:
        # Left-posterior-superior, as DICOM has it.
        image = nibabel.as_closest_canonical(nibabel.load(path))
        voxels = np.asarray(image.get_fdata(dtype=np.float32))[::-1, ::-1].transpose(2, 1, 0)
    except (OSError, ValueError, ImageFileError) as error:
        raise DataError(
            f"'{path}' is no NIfTI image that can be read ({error}); remove it or fetch it again"
        ) from error
    if voxels.ndim != 3:
        raise DataError(f"'{path}' has {voxels.ndim} axes; required is one volume of three")
    x, y, z = (float(step) for step in image.header.get_zooms()[:3])
    return Volume(
        voxels=np.ascontiguousarray(voxels),
        spacing_mm=(z, y, x),
        affine=np.eye(4),
        sop_instance_uids=(),
        series_instance_uid="",
    )
