"""The scan finds a planted outbreak in its unit and days, and is silent where only chance plays."""

from datetime import date, timedelta

import numpy as np
import pytest

from evaluation.surveillance.clusters import find_clusters
from evaluation.surveillance.counts import Case, Exposure

START, DAYS, UNITS = date(2026, 1, 1), 90, ("A", "B", "C", "D", "E")


def at_risk(amount: float = 20.0) -> list[Exposure]:
    return [
        Exposure(unit=unit, day=START + timedelta(days=day), amount=amount) for unit in UNITS for day in range(DAYS)
    ]


def by_chance(count: int, seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        Case(id=f"n{n}", unit=UNITS[rng.integers(5)], day=START + timedelta(days=int(rng.integers(DAYS))))
        for n in range(count)
    ]


def outbreak(unit: str = "C", first: int = 40, count: int = 7) -> list[Case]:
    return [Case(id=f"o{n}", unit=unit, day=START + timedelta(days=first + n)) for n in range(count)]


def test_a_planted_outbreak_is_found_in_its_unit_and_days():
    (found, *_) = find_clusters(by_chance(20, 1) + outbreak(), at_risk())
    assert found.unit == "C"
    assert {f"o{n}" for n in range(7)} <= set(found.case_ids)
    assert START + timedelta(days=38) <= found.first <= START + timedelta(days=40)
    assert found.p <= 0.01
    assert found.ratio > 5


def test_chance_alone_alarms_in_few_of_many_hospitals():
    alarms = sum(bool(find_clusters(by_chance(25, seed), at_risk(), draws=99, seed=seed)) for seed in range(10))
    assert alarms <= 2


def test_a_rise_in_all_units_is_told_as_one_of_all():
    everywhere = [
        Case(id=f"e{unit}{n}", unit=unit, day=START + timedelta(days=50 + n)) for unit in UNITS for n in range(3)
    ]
    (found, *_) = find_clusters(by_chance(20, 3) + everywhere, at_risk())
    assert found.unit == ""


def test_more_time_at_risk_explains_more_cases():
    busy = [
        Exposure(
            unit=one.unit, day=one.day, amount=400.0 if one.unit == "C" and 36 <= (one.day - START).days < 50 else 20.0
        )
        for one in at_risk()
    ]
    assert find_clusters(by_chance(20, 1) + outbreak(), busy) == ()


def test_the_same_data_give_the_same_p():
    cases = by_chance(20, 1) + outbreak()
    assert find_clusters(cases, at_risk()) == find_clusters(cases, at_risk())


@pytest.mark.parametrize("cases", [[], outbreak(count=2)])
def test_two_cases_are_no_cluster(cases: list[Case]):
    assert find_clusters(cases, at_risk()) == ()


def test_cases_without_a_unit_or_without_risk_are_not_scanned():
    nowhere = [Case(id=f"x{n}", unit="", day=START) for n in range(5)]
    assert find_clusters(nowhere, at_risk()) == ()
    assert find_clusters(outbreak(), []) == ()
