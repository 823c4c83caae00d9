"""Volumes window by window."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from monai.inferers import sliding_window_inference

from models.errors import RuntimeFailedError, UnfitInputError
from models.runtime import ScriptedRuntime, Tensors
from models.sliding_window import SlidingWindowRuntime, Windows, slide

SHAPES = [(8, 32, 32), (13, 40, 45), (8, 33, 100), (3, 10, 90), (5, 6, 7)]


def a_volume(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((1, 1, *shape), np.float32) + np.float32(0.01)


def identity(stack: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return stack


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.9])
def test_a_predictor_that_changes_nothing_gives_the_volume_back(shape: tuple[int, ...], overlap: float):
    volume = a_volume(shape)
    windows = Windows(roi=(8, 32, 32), overlap=overlap, per_run=3)
    np.testing.assert_allclose(slide(volume, windows, 1, identity), volume, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("overlap", [0, 0.25, 0.6])
def test_it_gives_what_monai_gives(shape: tuple[int, ...], overlap: float):
    volume = a_volume(shape)
    ramp = np.linspace(0, 1, 8 * 32 * 32, dtype=np.float32).reshape(8, 32, 32)

    def by_place(stack: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Depends on where in its window a voxel lies, so that another layout of windows shows."""
        return np.concatenate([stack * ramp, stack - ramp], axis=1)

    def by_place_torch(stack: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(by_place(stack.numpy()))

    ours = slide(volume, Windows(roi=(8, 32, 32), overlap=overlap, per_run=2), 2, by_place)
    theirs = sliding_window_inference(
        torch.from_numpy(volume), (8, 32, 32), sw_batch_size=2, predictor=by_place_torch, overlap=overlap
    )
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_windows_of_zeros_are_not_run():
    volume = np.zeros((1, 1, 8, 64, 64), np.float32)
    volume[0, 0, 4, 5, 5] = 1
    seen = []

    def predict(stack: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        seen.append(len(stack))
        return np.ones_like(stack)

    probability = slide(volume, Windows(roi=(8, 32, 32), overlap=0), 1, predict)

    assert seen == [1]
    assert probability[0, 0, :, :32, :32].min() == 1
    assert probability[0, 0, :, 32:, 32:].max() == 0


def test_an_empty_volume_gives_zeros():
    probability = slide(np.zeros((1, 1, 4, 4, 4), np.float32), Windows(roi=(8, 8, 8), overlap=0.25), 3, identity)
    assert probability.shape == (1, 3, 4, 4, 4)
    assert not probability.any()


@pytest.mark.parametrize("shape", [(4, 4, 4), (2, 1, 4, 4, 4), (1, 2, 4, 4, 4), (1, 1, 0, 4, 4)])
def test_what_is_no_single_volume_is_refused(shape: tuple[int, ...]):
    with pytest.raises(UnfitInputError, match=r"required is \[1, 1, z, y, x\]"):
        slide(np.ones(shape, np.float32), Windows(roi=(2, 2, 2), overlap=0), 1, identity)


def test_a_graph_that_answers_in_another_shape_is_an_error():
    with pytest.raises(RuntimeFailedError, match=r"required is \[1, 2, 8, 8, 8\]"):
        slide(np.ones((1, 1, 8, 8, 8), np.float32), Windows(roi=(8, 8, 8), overlap=0), 2, identity)


def test_warm_up_runs_the_window_shape():
    script = ScriptedRuntime(lambda inputs: {"probability": np.zeros_like(inputs["image"])})
    windows = Windows(roi=(8, 16, 16), overlap=0.25, per_run=2)
    SlidingWindowRuntime(script, windows=windows, labels=1, tensors=("image", "probability")).warm_up()
    assert [call["image"].shape for call in script.calls] == [(2, 1, 8, 16, 16)]


@pytest.mark.parametrize(
    "inputs",
    [{"volume": np.ones((1, 1, 4, 4, 4), np.float32)}, {"image": np.ones((1, 1, 4, 4, 4), np.int16)}],
)
def test_an_input_that_does_not_fit_is_refused(inputs: Tensors):
    script = ScriptedRuntime(dict)
    runtime = SlidingWindowRuntime(
        script, windows=Windows(roi=(4, 4, 4), overlap=0), labels=1, tensors=("image", "probability")
    )
    with pytest.raises(UnfitInputError):
        runtime.infer(inputs)
    assert not script.calls
