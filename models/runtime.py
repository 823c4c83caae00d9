"""The seam between a release and whatever runs it."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

Tensors = dict[str, npt.NDArray[np.generic]]


class Runtime(Protocol):
    """Runs one release; the same three verbs in process, over HTTP and from a script."""

    def infer(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
        """The graph's outputs by name for *inputs* by name.

        A volume segmentation takes a whole volume (1, 1, z, y, x) and windows it itself.

        Raises:
            RuntimeFailedError: the model could not be run on this input.
            RuntimeUnavailableError: the service behind it is down or slow.
        """

    def warm_up(self) -> None:
        """Run once on zeros, so that the first patient does not pay for it."""

    def close(self) -> None:
        """Let go of the model."""


class ScriptedRuntime:
    """A Runtime that answers from a function; for tests and dry runs."""

    def __init__(self, answer: Callable[[Mapping[str, npt.NDArray[np.generic]]], Tensors]) -> None:
        """Answer every ``infer`` by calling *answer*."""
        self._answer = answer
        #: Inputs of every call so far.
        self.calls: list[Mapping[str, npt.NDArray[np.generic]]] = []

    def infer(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
        """What the script says."""
        self.calls.append(inputs)
        return self._answer(inputs)

    def warm_up(self) -> None:
        """Nothing to warm."""

    def close(self) -> None:
        """Nothing to close."""
