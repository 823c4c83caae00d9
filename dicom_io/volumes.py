"""A series of slices as one volume."""

import numpy as np
import numpy.typing as npt

from dicom_io.errors import PixelError, UnsupportedPixelsError
from dicom_io.geometry import Stack, order_stack
from dicom_io.stored_pixels import check_is_grey, read_stored_pixels
from dicom_io.study import Instance, Series
from dicom_io.volume import Volume

#: 4 GiB of float32: 4096 slices of 512 x 512.
DEFAULT_MAXIMUM_VOXELS = 2**30
#: Padding outside the field of view counts as air.
_AIR_HU = np.float32(-1024.0)
#: Beyond any scanner's extended scale: a header that mis-declares sign or depth gives values like these.
_PLAUSIBLE_HU = (-10_000.0, 40_000.0)


def read_volume(series: Series, maximum_voxels: int = DEFAULT_MAXIMUM_VOXELS) -> Volume:
    """The axial stack of *series*, sorted along its normal, in Hounsfield units for CT; padding becomes -1024.

    Each slice is decoded and rescaled straight into its place: never more than one slice beside the volume.

    Raises:
        GeometryError: the instances form no regular axial stack; the text says what to do.
        UnsupportedPixelsError: colour, several frames, no decoder, or more than *maximum_voxels*.
        PixelError: pixels are missing, truncated or damaged.
        OSError: a file is gone.
    """
    stack = order_stack(series)
    voxels = np.empty(_shape(stack, maximum_voxels), dtype=np.float32)
    for target, instance in zip(voxels, stack.instances, strict=True):
        stored = read_stored_pixels(instance)
        stored.rescale_into(target)
        mask = stored.padding_mask()
        if mask is not None:
            target[mask] = _AIR_HU
        if series.modality == "CT":
            _check_plausible(target, instance)
    return Volume(
        voxels=voxels,
        spacing_mm=stack.spacing_mm,
        affine=stack.affine,
        sop_instance_uids=tuple(instance.sop_instance_uid for instance in stack.instances),
        series_instance_uid=series.series_instance_uid,
    )


def _check_plausible(hounsfield: npt.NDArray[np.float32], instance: Instance) -> None:
    low, high = float(hounsfield.min()), float(hounsfield.max())
    if low < _PLAUSIBLE_HU[0] or high > _PLAUSIBLE_HU[1]:
        raise PixelError(
            f"Instance number {instance.instance_number} holds values from {low:.0f} to {high:.0f} HU; required: "
            f"{_PLAUSIBLE_HU[0]:.0f} to {_PLAUSIBLE_HU[1]:.0f}. Its header mis-states sign or depth."
        )


def _shape(stack: Stack, maximum_voxels: int) -> tuple[int, int, int]:
    for instance in stack.instances:
        check_is_grey(instance)
    shape = (len(stack.instances), stack.instances[0].rows, stack.instances[0].columns)
    if shape[0] * shape[1] * shape[2] > maximum_voxels:
        raise UnsupportedPixelsError(
            f"The volume has {shape[0]} x {shape[1]} x {shape[2]} voxels; required: at most {maximum_voxels}. "
            "Send a thicker or smaller reconstruction."
        )
    return shape
