"""Drawing cases so that what is common in one source is not taken for a sign of disease."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from torch.utils.data import WeightedRandomSampler


def balanced(cases: Sequence[Mapping[str, npt.NDArray[np.float32]]]) -> WeightedRandomSampler:
    """Draws as many of *cases* (see `training.cases`) as there are, both classes of the first label alike often.

    Also within the cases whose further labels are known, and within the others: these come from another source, whose
    sharpness and share of disease differ together, and a network would learn that blurred pictures show disease.
    """
    labels = np.stack([case["label"].reshape(len(case["label"]), -1).max(axis=1) for case in cases])
    cells = 2 * (labels[:, 0] > 0) + np.isnan(labels).any(axis=1)
    weights = 1 / np.bincount(cells, minlength=4)[cells]
    return WeightedRandomSampler(weights.tolist(), num_samples=len(cases))
