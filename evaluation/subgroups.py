"""The same numbers for some of the patients, where there are enough of them to say anything."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from evaluation.calibration import calibration_in_the_large
from evaluation.measure import measure
from evaluation.metrics import at_threshold, auprc, auroc
from evaluation.report import Gap, Subgroup
from evaluation.tally import Scored, Statistic

#: Patients, and among them patients with a positive and with a negative case, below which nothing is said.
MINIMUM_PATIENTS, MINIMUM_OF_EACH_CLASS = 30, 10
#: Numbers whose largest gap is told.
_GAPS = ("auroc", "sensitivity", "specificity")


def judge_subgroups(scored: Scored, groups: Mapping[str, npt.NDArray[np.str_]]) -> tuple[Subgroup, ...]:
    """Every value of every one of *groups* (name -> (case,)); cases where it is empty are left out."""
    return tuple(
        _subgroup(name, value, scored.where(values == value))
        for name, values in groups.items()
        for value in np.unique(values[values != ""]).tolist()
    )


def largest_gaps(subgroups: Sequence[Subgroup]) -> tuple[Gap, ...]:
    """For each division with two subgroups or more that can be judged: where each number is lowest and highest."""
    by_group = groupby((one for one in subgroups if not one.too_few), key=lambda one: one.group)
    return tuple(gap for _, members in by_group for gap in _gaps(tuple(members)))


def _subgroup(name: str, value: str, scored: Scored) -> Subgroup:
    patients = len(np.unique(scored.patients))
    is_judged = _enough(scored)
    return Subgroup(
        group=name,
        value=value,
        cases=len(scored.truths),
        patients=patients,
        positives=int(scored.truths.sum()),
        too_few=not is_judged,
        metrics=measure(scored, _statistics()) if is_judged else {},
    )


def _enough(scored: Scored) -> bool:
    everyone = len(np.unique(scored.patients))
    of_each = [len(np.unique(scored.patients[scored.truths == truth])) for truth in (0, 1)]
    return everyone >= MINIMUM_PATIENTS and min(of_each) >= MINIMUM_OF_EACH_CLASS


def _statistics() -> dict[str, Statistic]:
    table = at_threshold()
    return {
        "auroc": auroc,
        "auprc": auprc,
        "sensitivity": table["sensitivity"],
        "specificity": table["specificity"],
        "ppv": table["ppv"],
        "calibration_intercept": calibration_in_the_large,
    }


def _gaps(members: Sequence[Subgroup]) -> Iterator[Gap]:
    for metric in _GAPS:
        values = {one.value: number for one in members if (number := one.metrics[metric].value) is not None}
        if len(values) > 1:
            lowest, highest = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
            yield Gap(
                group=members[0].group,
                metric=metric,
                difference=round(values[highest] - values[lowest], 5),
                lowest=lowest,
                highest=highest,
            )
