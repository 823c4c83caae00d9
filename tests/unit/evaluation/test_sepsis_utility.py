"""The challenge's utility, against its definition written out hour by hour and against cases worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.sepsis_utility import best_threshold, hour_utilities, utility


def slow_utility_of_stay(labels: list[int], predictions: list[bool]) -> float:
    """Equations of the challenge's paper (Reyna et al. 2020, figure 2), one hour after the other."""
    septic = any(labels)
    onset = labels.index(1) + 6 if septic else None
    total = 0.0
    for hour, alarm in enumerate(predictions):
        if onset is None:
            total += -0.05 if alarm else 0.0
        elif hour > onset + 3:
            continue
        elif alarm and hour <= onset - 6:
            total += max((hour - onset + 12) / 6, -0.05)
        elif alarm:
            total += (3 - (hour - onset)) / 9
        elif hour > onset - 6:
            total += -2 * (hour - onset + 6) / 9
    return total


def slow_utility(stays: list[tuple[list[int], list[bool]]]) -> float:
    observed = best = inaction = 0.0
    for labels, predictions in stays:
        hours = range(len(labels))
        onset = labels.index(1) + 6 if any(labels) else -100
        observed += slow_utility_of_stay(labels, predictions)
        best += slow_utility_of_stay(labels, [onset - 12 <= hour <= onset + 3 for hour in hours])
        inaction += slow_utility_of_stay(labels, [False for _ in hours])
    return (observed - inaction) / (best - inaction)


def flat(stays: list[tuple[list[int], list[bool]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names = np.concatenate([[f"s{number:03d}"] * len(labels) for number, (labels, _) in enumerate(stays)])
    labels = np.concatenate([labels for labels, _ in stays]).astype(np.float32)
    return names, labels, np.concatenate([alarms for _, alarms in stays]).astype(bool)


def stay(length: int, first_label: int | None, alarms: list[bool]) -> tuple[list[int], list[bool]]:
    labels = [int(first_label is not None and hour >= first_label) for hour in range(length)]
    return labels, (alarms * length)[:length]


STAYS = st.lists(
    st.builds(stay, st.integers(1, 40), st.one_of(st.none(), st.integers(0, 39)), st.lists(st.booleans(), min_size=1)),
    min_size=1,
    max_size=8,
).filter(lambda stays: any(any(labels) for labels, _ in stays))


@settings(deadline=None)
@given(STAYS)
def test_it_is_the_challenges_utility(stays: list[tuple[list[int], list[bool]]]):
    assert utility(*flat(stays)) == pytest.approx(slow_utility(stays))


# One stay of 20 hours, label from hour 9, so onset at hour 15. Silence: hours 10 to 18 cost 2/9, 4/9 ... 18/9 = 10.
# Best: hours 3 to 9 earn 0, 1/6 ... 1 = 3.5, hours 10 to 18 earn 8/9 ... 0 = 4: 17.5 above silence.
@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ({9}, 1.0 / 17.5),  # six hours before the onset: 1, silence there costs nothing
        ({15}, (3 / 9 + 12 / 9) / 17.5),  # at the onset: 1/3 earned and 4/3 not lost
        ({18}, 2.0 / 17.5),  # three hours after: nothing earned, 2 not lost
        ({19}, 0.0),  # later: of no use
        ({2}, -0.05 / 17.5),  # 13 hours before: as a false alarm
        (set(range(3, 19)), 1.0),
        (set(), 0.0),
    ],
)
def test_one_alarm_is_worth_what_the_paper_says(alarms: set[int], expected: float):
    labels, _ = stay(20, 9, [False])
    assert utility(*flat([(labels, [hour in alarms for hour in range(20)])])) == pytest.approx(expected)


def test_an_alarm_without_sepsis_costs_a_twentieth_an_hour():
    labels, _ = stay(20, 9, [False])
    found = utility(*flat([(labels, [False] * 20), ([0] * 10, [True] * 10)]))
    assert found == pytest.approx(-0.5 / 17.5)


def test_without_sepsis_there_is_no_utility():
    assert np.isnan(utility(*flat([([0] * 10, [True] * 10)])))


def test_draws_of_stays_weigh_their_utilities():
    stays = [stay(20, 9, [True]), stay(20, 12, [False, True]), stay(10, None, [True])]
    names, labels, alarms = flat(stays)
    drawn = np.array([[1, 2], [1, 0], [1, 1]], dtype=float)
    scores = hour_utilities(names, labels).of_stays(alarms).normalised(drawn)
    assert scores.tolist() == pytest.approx([slow_utility(stays), slow_utility([stays[0], stays[0], stays[2]])])


def test_rows_of_stays_may_stand_between_each_other():
    stays = [stay(20, 9, [True, False]), stay(20, None, [False, True])]
    names, labels, alarms = flat(stays)
    order = np.argsort(np.tile(np.arange(20), 2), kind="stable")
    assert utility(names[order], labels[order], alarms[order]) == pytest.approx(utility(names, labels, alarms))


def test_no_other_threshold_is_worth_more_than_the_best():
    rng = np.random.default_rng(4)
    names, labels, _ = flat([stay(30, 12 if n % 3 == 0 else None, [False]) for n in range(12)])
    # Two digits: many equal probabilities, which one threshold cannot part.
    probabilities = np.round(np.clip(rng.normal(0.3 + 0.2 * labels, 0.2), 0, 1), 2)
    worth = hour_utilities(names, labels)
    scores = {float(t): utility(names, labels, probabilities >= t) for t in np.unique(probabilities)}
    assert scores[best_threshold(worth, probabilities)] == pytest.approx(max(scores.values()))
