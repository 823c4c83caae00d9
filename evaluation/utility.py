"""The challenge utility of hourly alarms as one number of the report, with its interval by patient."""

import numpy as np

from evaluation.bootstrap import draw_patients
from evaluation.measure import to_value
from evaluation.report import MetricValue
from evaluation.sepsis_utility import hour_utilities
from evaluation.tally import Draws, Scored


def judge_utility(scored: Scored) -> MetricValue:
    """The utility of an alarm in every hour at or above the operating point; rows in the order of their hours."""
    worth = hour_utilities(scored.patients, scored.truths.astype(np.float32))
    stays = worth.of_stays(scored.probabilities >= scored.threshold)
    # Stays and patients are both sorted by name: the weights of one are those of the other.
    drawn = Draws(value=stays.normalised()[()], draws=stays.normalised(draw_patients(scored.patients)))
    return to_value(drawn, "no stay has the outcome")
