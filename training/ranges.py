"""Which values the features of a stay model had in training, kept with the export and stated in the release."""

from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from models.distance import ranges_of
from models.manifest import StayPreprocessing, TrainedRange
from training.datasets import Dataset, Split

#: File of an export, and of a release's evidence.
RANGES = "trained_ranges.json"
_RANGES = TypeAdapter(tuple[TrainedRange, ...])


def trained_ranges(data: Dataset, spec: StayPreprocessing) -> tuple[TrainedRange, ...]:
    """The ranges of the features of *spec* in the training part of *data*, every row of a sequence counted.

    Raises:
        DataError: a shard is missing or was altered.
    """
    width = len(spec.features)
    rows = [batch.inputs.reshape(-1, width) for batch in data.batches(Split.TRAIN)]
    return ranges_of(np.concatenate(rows).astype(np.float32), spec.features)


def dump_ranges(ranges: tuple[TrainedRange, ...]) -> bytes:
    """*ranges* as JSON."""
    return _RANGES.dump_json(ranges, indent=2) + b"\n"


def load_ranges(path: Path) -> tuple[TrainedRange, ...]:
    """The ranges kept at *path*; none where an older export kept none."""
    return _RANGES.validate_json(path.read_bytes()) if path.is_file() else ()
