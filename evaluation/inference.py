"""Run a graph over many cases."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.runtime import Runtime

#: Images or rows in one run of the graph: large enough to keep a core busy, small enough for any memory.
_IMAGES, _ROWS = 32, 4096

#: Called after each batch with the number of cases that it held.
Progress = Callable[[int], None]


def probabilities_of(
    runtime: Runtime, input_name: str, inputs: npt.NDArray[Any], progress: Progress | None = None
) -> npt.NDArray[np.float64]:
    """What the graph says of *inputs* (case, ...): (case, label), 0 to 1.

    Raises:
        RuntimeFailedError: the graph does not take these inputs, or failed.
    """
    size = _ROWS if inputs.ndim == 2 else _IMAGES
    answers = []
    for start in range(0, len(inputs), size):
        batch = np.ascontiguousarray(inputs[start : start + size], dtype=np.float32)
        answers.append(runtime.infer({input_name: batch})["probability"])
        if progress is not None:
            progress(len(batch))
    return np.concatenate(answers).astype(np.float64)
