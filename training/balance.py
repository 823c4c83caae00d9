"""Drawing cases so that both classes come alike often."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from torch.utils.data import WeightedRandomSampler


def balanced(cases: Sequence[Mapping[str, npt.NDArray[np.float32]]]) -> WeightedRandomSampler:
    """Draws as many of *cases* (see `training.cases`) as there are, both classes of the first label alike often."""
    positive = np.array([bool(np.any(case["label"][0] > 0)) for case in cases])
    weights = np.where(positive, 1 / max(positive.sum(), 1), 1 / max((~positive).sum(), 1))
    return WeightedRandomSampler(weights.tolist(), num_samples=len(cases))
