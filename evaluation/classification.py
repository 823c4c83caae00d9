"""Judge probabilities: numbers, curves and worst errors of one label."""

from functools import partial

import numpy as np
import numpy.typing as npt

from evaluation.measure import measure
from evaluation.metrics import lowest_share_npv, probability_metrics
from evaluation.report import Failure, FailureKind, LabelReport, MetricValue
from evaluation.tally import Scored

#: Share of the cases with the lowest risks whose NPV is told.
LOWEST_SHARE = 0.16
_WORST = 12


def judge_probabilities(scored: Scored) -> dict[str, MetricValue]:
    """Discrimination, operating point and calibration with intervals by patient."""
    lowest = {f"npv_lowest_{LOWEST_SHARE * 100:.0f}": partial(lowest_share_npv, share=LOWEST_SHARE)}
    return measure(scored, {**probability_metrics(scored), **lowest})


def judge_label(scored: Scored) -> LabelReport:
    """The report of one label."""
    return LabelReport(
        cases=len(scored.truths),
        patients=len(np.unique(scored.patients)),
        positives=int(scored.truths.sum()),
        prevalence=round(float(scored.truths.mean()), 5) if len(scored.truths) else 0.0,
        threshold=scored.threshold,
        metrics=judge_probabilities(scored),
    )


def worst_errors(scored: Scored, keys: npt.NDArray[np.str_], most: int = _WORST) -> tuple[Failure, ...]:
    """The most confident error of each patient, worst first, at most *most*; *keys* (case,) name the cases."""
    said = scored.probabilities >= scored.threshold
    wrong = np.flatnonzero(said != (scored.truths > 0))
    # How far on the wrong side of the operating point, as a share of that side.
    room = np.where(said, 1 - scored.threshold, scored.threshold)
    surest = wrong[np.argsort(-(np.abs(scored.probabilities - scored.threshold) / np.maximum(room, 1e-9))[wrong])]
    return tuple(
        Failure(
            key=str(keys[case]),
            kind=FailureKind.FALSE_POSITIVE if said[case] else FailureKind.FALSE_NEGATIVE,
            probability=round(float(scored.probabilities[case]), 5),
        )
        for case in _first_of_each(surest, scored.patients)[:most]
    )


def _first_of_each(cases: npt.NDArray[np.intp], patients: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """*cases* in their order, one a patient."""
    return cases[np.sort(np.unique(patients[cases], return_index=True)[1])]
