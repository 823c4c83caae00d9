"""The cases of a labelled data set, ready for the graph: what training fits on and evaluation judges by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Columns of equal length, one entry a case; an hourly table has one case an hour, sorted by stay and hour."""

    #: What it is and where it comes from, for people; no path.
    source: str
    #: What the graph is given, (case, ...): image (case, 1, y, x) or features (case, feature), NaN = not measured.
    inputs: npt.NDArray[Any]
    #: 1 true, 0 not, NaN unknown: (case, label), float32.
    truths: npt.NDArray[np.float32]
    #: Pseudonym of the patient, (case,); every interval and every split goes by it.
    patients: npt.NDArray[np.str_]
    #: What a person can find the case by in the source: file, or stay and hour; (case,).
    keys: npt.NDArray[np.str_]
    #: ``train``, ``validation``, ``test`` as the source says, (case,); empty where it does not.
    splits: npt.NDArray[np.str_]
    #: Subgroup name -> value of each case, (case,); empty where unknown.
    groups: Mapping[str, npt.NDArray[np.str_]]
    #: Hours since the first row of the stay, (case,); None where the source has no time.
    hours: npt.NDArray[np.float32] | None
    #: SHA-256 of each file read, by its name within the data set.
    files: Mapping[str, str]
