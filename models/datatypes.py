"""The datatypes that a tensor may have, by their Open Inference Protocol names, and whether tensors fit a model."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.errors import UnfitInputError
from models.manifest import TensorSpec

Datatype = Literal["FP32", "FP16", "INT64", "UINT8", "BOOL"]

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


def check_inputs(inputs: Mapping[str, npt.NDArray[np.generic]], required: tuple[TensorSpec, ...]) -> None:
    """See that *inputs* have the names, datatypes and shapes *required*.

    Raises:
        UnfitInputError: one has not.
    """
    names = sorted(spec.name for spec in required)
    if sorted(inputs) != names:
        raise UnfitInputError(f"inputs {sorted(inputs)} were given; the model takes {names}")
    for spec in required:
        array = inputs[spec.name]
        found = f"input '{spec.name}' is {datatype_of(array)} of shape {list(array.shape)}"
        if datatype_of(array) != spec.datatype or not _fits(array.shape, spec.shape) or 0 in array.shape:
            raise UnfitInputError(
                f"{found}; required is {spec.datatype} of shape {list(spec.shape)}, where -1 is any size from 1"
            )


def _fits(shape: tuple[int, ...], required: tuple[int, ...]) -> bool:
    """Whether *shape* is *required*, where -1 takes any size."""
    return len(shape) == len(required) and all(
        wanted in (-1, size) for size, wanted in zip(shape, required, strict=True)
    )
