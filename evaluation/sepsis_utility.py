"""The utility of the PhysioNet/Computing in Cardiology Challenge 2019: what alarms are worth, hour by hour.

Reyna et al., Crit Care Med 2020;48:210, https://physionet.org/content/challenge-2019/1.0.0/. An alarm for a stay with
sepsis earns most six hours before the onset, silence costs from then on; both matter from twelve hours before to three
hours after it. An alarm for another stay costs 0.05 an hour. 0 is what silence is worth, 1 the best that alarms can be.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Hours from the onset: an alarm before the first is a false one, at the second worth most, after the third nothing.
_EARLY_H, _OPTIMAL_H, _LATE_H = -12.0, -6.0, 3.0
#: Utility of an hour: best alarm, worst silence (three hours after the onset), false alarm.
_ALARM_AT_BEST, _SILENCE_AT_WORST, _FALSE_ALARM = 1.0, -2.0, -0.05


@dataclass(frozen=True, kw_only=True)
class HourUtilities:
    """What each hour of each stay is worth with and without an alarm."""

    #: Distinct stays, sorted, (stay,).
    names: npt.NDArray[np.str_]
    #: Number of the stay of each hour, (hour,).
    stays: npt.NDArray[np.intp]
    #: With an alarm, (hour,).
    alarm: Floats
    #: Without, (hour,).
    silence: Floats
    #: Whether the challenge's best predictor raises an alarm, (hour,).
    is_best: npt.NDArray[np.bool_]

    @property
    def gain(self) -> Floats:
        """What an alarm adds to silence in each hour, (hour,): positive where it should be raised."""
        return self.alarm - self.silence

    def of_stays(self, predictions: npt.NDArray[np.bool_]) -> "StayUtilities":
        """The utilities of the alarms *predictions* (hour,), summed by stay."""
        count = len(self.names)
        return StayUtilities(
            gained=np.bincount(self.stays, np.where(predictions, self.gain, 0.0), count).astype(np.float64),
            possible=np.bincount(self.stays, np.where(self.is_best, self.gain, 0.0), count).astype(np.float64),
        )


@dataclass(frozen=True, kw_only=True)
class StayUtilities:
    """Utilities above those of silence, by stay in the order of `HourUtilities.names`."""

    #: Of the predictions, (stay,).
    gained: Floats
    #: Of the best predictor, (stay,).
    possible: Floats

    def normalised(self, weights: Floats | None = None) -> Floats:
        """The challenge's score; of *weights* (stay, draw), how often each stay counts, one score a draw, (draw,).

        NaN where no stay has sepsis.
        """
        drawn = np.ones((len(self.gained), 1)) if weights is None else weights
        possible = self.possible @ drawn
        score = np.divide(self.gained @ drawn, possible, out=np.full_like(possible, np.nan), where=possible > 0)
        return score[0] if weights is None else score


def hour_utilities(stays: npt.NDArray[np.str_], labels: npt.NDArray[np.floating]) -> HourUtilities:
    """What each hour is worth, from rows in the order of their hour within each of *stays* (hour,).

    *labels* (hour,) are those of the challenge: 1 from six hours before the onset on. Hours are counted by row, as the
    challenge does.
    """
    names, numbers = np.unique(stays, return_inverse=True)
    hours = _rows_into_stay(numbers)
    from_onset = hours - _onsets(numbers, hours, labels, len(names))[numbers]
    is_septic = np.isfinite(from_onset)
    until_late = is_septic & (from_onset <= _LATE_H)
    since_optimal = np.clip((from_onset - _OPTIMAL_H) / (_LATE_H - _OPTIMAL_H), 0, 1)
    rising = (from_onset - _EARLY_H) / (_OPTIMAL_H - _EARLY_H) * _ALARM_AT_BEST
    alarm = np.where(from_onset <= _OPTIMAL_H, np.maximum(rising, _FALSE_ALARM), _ALARM_AT_BEST * (1 - since_optimal))
    return HourUtilities(
        names=names,
        stays=numbers,
        alarm=np.where(is_septic, np.where(until_late, alarm, 0.0), _FALSE_ALARM),
        silence=np.where(until_late, _SILENCE_AT_WORST * since_optimal, 0.0),
        is_best=until_late & (from_onset >= _EARLY_H),
    )


def hour_gain(stays: npt.NDArray[np.str_], labels: npt.NDArray[np.floating]) -> Floats:
    """What an alarm adds to silence in each hour, (hour,); see `hour_utilities` for the order of rows."""
    return hour_utilities(stays, labels).gain


def utility(stays: npt.NDArray[np.str_], labels: npt.NDArray[np.floating], predictions: npt.NDArray[np.bool_]) -> float:
    """The challenge's normalised utility of the alarms *predictions*; see `hour_utilities` for the order of rows."""
    return float(hour_utilities(stays, labels).of_stays(predictions).normalised())


def best_threshold(worth: HourUtilities, probabilities: Floats) -> float:
    """The probability from which alarms have the highest utility on these hours: choose on some, judge on others."""
    order = np.argsort(-probabilities, kind="stable")
    ends = np.append(np.diff(probabilities[order]) != 0, True)
    gained = np.where(ends, np.cumsum(worth.gain[order]), -np.inf)
    return float(probabilities[order][int(gained.argmax())])


def _rows_into_stay(numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    into = np.empty_like(numbers)
    into[order] = np.arange(len(numbers)) - np.searchsorted(ordered, ordered, side="left")
    return into


def _onsets(
    numbers: npt.NDArray[np.intp], hours: npt.NDArray[np.intp], labels: npt.NDArray[np.floating], count: int
) -> Floats:
    """Hour of the onset of each stay, (stay,); minus infinity away where there is none: no hour is finite from it."""
    first = np.full(count, np.inf)
    labelled = labels > 0
    np.minimum.at(first, numbers[labelled], hours[labelled].astype(np.float64))
    return first - _OPTIMAL_H
