"""Stays as sequences of hours: what a network over time learns from, and what makes many rows quick to hand on.

The rows of a stay lie in a data set in the order of their hours; here they are cut into pieces of equal length.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.boosting import Worth
from training.datasets import Split, open_dataset


def stay_sequences(
    dataset_dir: str, split: str, rows: int, worth: Worth | None = None
) -> list[dict[str, npt.NDArray[np.float32]]]:
    """The stays of *split* in pieces of *rows*: ``{"image": (rows, feature), "label": (rows, 1)}``.

    With *worth* the label has a second column: what yes is worth in that hour, in units of the mean of its absolute
    values. NaN where the stay has ended: no value was measured there, and the truth is unknown.

    Raises:
        DataError: the data set is missing, altered, or mixes patients between splits.
    """
    batches = list(open_dataset(Path(dataset_dir)).batches(Split(split)))
    if not batches:
        return []
    patients = np.concatenate([batch.patients for batch in batches])
    columns = {
        "image": np.concatenate([batch.inputs for batch in batches]),
        "label": np.concatenate([batch.labels for batch in batches]),
    }
    if worth is not None:
        columns["label"] = np.column_stack([columns["label"], _in_means(worth(patients, columns["label"][:, 0]))])
    begins = np.flatnonzero(np.append(True, patients[1:] != patients[:-1]))
    ends = np.append(begins[1:], len(patients))
    return [
        {name: _padded(column[first : min(first + rows, end)], rows) for name, column in columns.items()}
        for begin, end in zip(begins, ends, strict=True)
        for first in range(begin, end, rows)
    ]


def _in_means(worth: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return (worth / np.abs(worth).mean()).astype(np.float32)


def _padded(piece: npt.NDArray[np.float32], rows: int) -> npt.NDArray[np.float32]:
    missing = rows - len(piece)
    return np.pad(piece.astype(np.float32), ((0, missing), (0, 0)), constant_values=np.nan)


def rows_of(sequences: list[dict[str, npt.NDArray[np.float32]]]) -> npt.NDArray[np.float32]:
    """The rows of *sequences* that were an hour of a stay, (row, feature): what a network learns its scale from."""
    stacked = [one["image"][~np.isnan(one["label"]).any(axis=1)] for one in sequences]
    return np.concatenate(stacked)


class KnownHoursLoss(torch.nn.Module):
    """Cross-entropy of the hours whose truth is known; where they have a worth, also of whether yes is worth more.

    Each hour counts there by how much it is worth: what the boosted trees of `training.boosting` learn in two halves.
    """

    def forward(self, logits: torch.Tensor, truths: torch.Tensor) -> torch.Tensor:
        """The mean loss of *logits* (stay, row, 1) against *truths* (stay, row, 1 or 2), NaN where unknown."""
        known = ~torch.isnan(truths[..., 0])
        said, (truth, *worth) = logits[known][..., 0], truths[known].unbind(-1)
        loss = functional.binary_cross_entropy_with_logits(said, truth)
        for one in worth:
            is_worth = (one > 0).to(said.dtype)
            loss = loss + functional.binary_cross_entropy_with_logits(said, is_worth, weight=one.abs())
        return loss


def known_hours(output: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """An engine's output with ``pred`` as probability, and both it and the truth as one row an hour, (hour, 1)."""
    truth = output["label"][..., 0]
    known = ~torch.isnan(truth)
    flat = {"pred": torch.sigmoid(output["pred"][..., 0])[known].unsqueeze(-1), "label": truth[known].unsqueeze(-1)}
    return {**output, **flat}
