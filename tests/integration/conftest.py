"""What the tests with real parts share."""

import sys
from collections.abc import Iterator
from functools import cache

import pytest


@pytest.fixture(scope="session", autouse=True)
def operators_are_read_once() -> Iterator[None]:
    """torch's exporter reads every operator that it knows anew for each graph: two seconds of processor time each.

    It only adds to the list where it is told of operators of one's own, which nobody here does.
    """
    if "torch" not in sys.modules:
        yield
        return
    from torch.onnx._internal.exporter._registration import ONNXRegistry  # noqa: PLC0415  # seconds to import

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield
