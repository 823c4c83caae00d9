"""A series of slices as one volume."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from dicom_io.errors import PixelError, UnsupportedPixelsError
from dicom_io.geometry import Stack, order_stack
from dicom_io.hounsfield import check_hounsfield
from dicom_io.slices import Slice
from dicom_io.stored_pixels import StoredPixels, check_is_grey, read_stored_frames
from dicom_io.study import Series
from dicom_io.volume import AIR_HU, Volume, drift_px

#: 4 GiB of float32: 4096 slices of 512 x 512.
DEFAULT_MAXIMUM_VOXELS = 2**30
#: More decoders at once than this wait for memory, not for a processor.
_MAXIMUM_THREADS = 8

Voxels = npt.NDArray[np.float32]


def read_volume(series: Series, maximum_voxels: int = DEFAULT_MAXIMUM_VOXELS) -> Volume:
    """The axial stack of *series*, sorted along its normal, in Hounsfield units for CT; padding becomes -1024.

    Each slice is decoded and rescaled straight into its place, on as many threads as there are processors: never more
    than one slice a thread beside the volume.

    Raises:
        GeometryError: the instances form no regular axial stack; the text says what to do.
        UnsupportedPixelsError: colour, no decoder, no Hounsfield units, or more than *maximum_voxels*.
        PixelError: pixels are missing, truncated, damaged, or no plausible Hounsfield units.
        OSError: a file is gone.
    """
    stack = order_stack(series)
    voxels = np.empty(_shape(stack, maximum_voxels), dtype=np.float32)
    is_ct = series.modality == "CT"
    files = _by_file(stack)
    threads = min(os.cpu_count() or 1, _MAXIMUM_THREADS)

    def read_every(start: int) -> None:
        for file in files[start::threads]:
            _read_file(file, voxels, is_ct=is_ct)

    with ThreadPoolExecutor(threads) as pool:
        # Consumed, so that the first error of any slice is raised here.
        deque(pool.map(read_every, range(threads)), maxlen=0)
    return Volume(
        voxels=voxels,
        spacing_mm=stack.spacing_mm,
        affine=stack.affine,
        sop_instance_uids=tuple(instance.sop_instance_uid for instance in stack.instances),
        series_instance_uid=series.series_instance_uid,
        frame_numbers=tuple(one.frame + 1 for one in stack.slices),
    )


def _by_file(stack: Stack) -> list[dict[int, tuple[int, Slice]]]:
    """For each file of *stack* the z and the slice of each frame that is wanted of it."""
    files: dict[str, dict[int, tuple[int, Slice]]] = {}
    for z, one in enumerate(stack.slices):
        files.setdefault(one.instance.sop_instance_uid, {})[one.frame] = (z, one)
    return list(files.values())


def _read_file(wanted: dict[int, tuple[int, Slice]], voxels: Voxels, *, is_ct: bool) -> None:
    _, first = next(iter(wanted.values()))
    for frame, stored in enumerate(read_stored_frames(first.instance)):
        if frame in wanted:
            z, one = wanted[frame]
            _place(stored.rescaled_as(one.rescale), voxels[z], one, is_ct=is_ct)


def _place(stored: StoredPixels, target: Voxels, one: Slice, *, is_ct: bool) -> None:
    if stored.values.shape != target.shape:
        raise PixelError(
            f"Instance number {one.name} has {stored.values.shape} pixels; required: {target.shape} as the header said "
            "when it was received. Send the series again."
        )
    stored.rescale_into(target)
    mask = stored.padding_mask()
    if mask is not None:
        target[mask] = AIR_HU
    if is_ct:
        check_hounsfield(target, stored, one.name)


def _shape(stack: Stack, maximum_voxels: int) -> tuple[int, int, int]:
    for instance in stack.instances:
        check_is_grey(instance)
    shape = (len(stack.slices), *stack.slices[0].size)
    # Under a tilted gantry as many rows and columns more as it takes to let the slices stand straight.
    rows, columns = (
        size + round(abs(drift) * (shape[0] - 1)) for size, drift in zip(shape[1:], drift_px(stack.affine), strict=True)
    )
    if shape[0] * rows * columns > maximum_voxels:
        raise UnsupportedPixelsError(
            f"The volume has {shape[0]} x {rows} x {columns} voxels; required: at most {maximum_voxels}. "
            "Send a thicker or smaller reconstruction."
        )
    return shape
