"""The datatypes that a tensor may have, by their Open Inference Protocol names."""

import numpy as np
import numpy.typing as npt

#: Open Inference Protocol v2 datatype -> little-endian numpy type.
NUMPY_TYPES: dict[str, np.dtype[np.generic]] = {
    "FP32": np.dtype("<f4"),
    "FP16": np.dtype("<f2"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


def datatype_of(array: npt.NDArray[np.generic]) -> str:
    """The datatype of *array*, e.g. ``FP32``; the numpy name in lower case when the protocol here has none for it."""
    for name, numpy_type in NUMPY_TYPES.items():
        if array.dtype == numpy_type:
            return name
    return array.dtype.name


def fits(shape: tuple[int, ...], required: tuple[int, ...]) -> bool:
    """Whether *shape* is *required*, where -1 takes any size."""
    return len(shape) == len(required) and all(
        wanted in (-1, size) for size, wanted in zip(shape, required, strict=True)
    )
