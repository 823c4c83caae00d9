"""Rates, control charts, funnels and the grid, against published or hand-made figures."""

from datetime import date

import pytest
from scipy import stats

from evaluation.surveillance.control_chart import ChartKind, SpecialCause, control_chart, limits
from evaluation.surveillance.counts import Case, Exposure, Rate, by_month, by_unit, by_unit_and_month
from evaluation.surveillance.funnel import funnel
from evaluation.surveillance.grid import Shade, grid
from evaluation.surveillance.side_by_side import side_by_side


def case(number: int, unit: str = "M1", day: date = date(2026, 3, 2)) -> Case:
    return Case(id=f"c{number}", unit=unit, day=day)


def months(counts: list[int], exposure: float = 1000.0) -> dict[str, Rate]:
    return {f"{2024 + n // 12}-{n % 12 + 1:02}": Rate(cases=c, exposure=exposure) for n, c in enumerate(counts)}


def causes(counts: list[int]) -> list[tuple[SpecialCause, ...]]:
    return [point.causes for point in control_chart(ChartKind.U, months(counts)).points]


def test_incidence_is_per_ten_thousand_risk_days_with_the_exact_interval():
    rate = Rate(cases=10, exposure=20_000)
    assert rate.per(10_000) == 5
    # Garwood: 10 events have the interval 4.795 to 18.39.
    assert rate.interval(20_000) == pytest.approx((4.795, 18.390), abs=1e-3)


def test_no_case_has_a_lower_end_of_nothing_and_an_upper_end_of_the_rule_of_three_and_more():
    assert Rate(cases=0, exposure=1.0).interval(1.0) == pytest.approx((0.0, 3.689), abs=1e-3)


def test_nothing_at_risk_has_no_rate():
    assert Rate(cases=0, exposure=0).per(10_000) is None
    assert Rate(cases=1, exposure=0).interval(10_000) is None


def test_cases_and_exposure_meet_in_their_month_and_unit():
    cases = [case(1), case(2, "M2"), case(3, day=date(2026, 4, 1))]
    exposures = [
        Exposure(unit="M1", day=date(2026, 3, 31), amount=7.5),
        Exposure(unit="M3", day=date(2026, 5, 1), amount=1),
    ]
    assert by_month(cases, exposures) == {
        "2026-03": Rate(cases=2, exposure=7.5),
        "2026-04": Rate(cases=1, exposure=0.0),
        "2026-05": Rate(cases=0, exposure=1.0),
    }
    assert by_unit(cases, exposures)["M1"] == Rate(cases=2, exposure=7.5)
    assert by_unit_and_month(cases, exposures)["M1", "2026-04"] == Rate(cases=1, exposure=0.0)


def test_limits_leave_the_chance_of_three_deviations_outside():
    low, high = limits(ChartKind.U, 1000, 0.01)
    law = stats.poisson(10)
    assert law.sf(high * 1000) < 0.00135 <= law.sf(high * 1000 - 1)
    assert law.cdf(low * 1000 - 1) < 0.00135


def test_limits_of_a_small_month_do_not_fall_below_nothing():
    assert limits(ChartKind.U, 10, 0.01)[0] == 0
    assert limits(ChartKind.P, 5, 0.02)[0] == 0


def test_chance_alone_makes_few_special_causes():
    steady = [5, 7, 4, 6, 5, 3, 6, 7, 5, 4, 6, 5]
    assert all(not found for found in causes(steady))


def test_a_point_beyond_the_limit_is_found_and_alone():
    found = causes([5, 4, 6, 5, 4, 6, 5, 25, 5, 4, 6, 5])
    assert SpecialCause.BEYOND_LIMIT in found[7]
    assert [n for n, one in enumerate(found) if SpecialCause.BEYOND_LIMIT in one] == [7]


def test_nine_on_one_side_is_found_at_the_ninth_and_not_before():
    found = causes([2] * 9 + [8] * 9)
    marked = [n for n, one in enumerate(found) if SpecialCause.NINE_ON_ONE_SIDE in one]
    assert marked == [8, 17]


def test_six_rising_is_a_trend_and_five_is_none():
    rising = causes([9, 8, 9, 3, 4, 5, 6, 7, 8, 6])
    assert [n for n, one in enumerate(rising) if SpecialCause.SIX_IN_A_TREND in one] == [8]
    assert not any(SpecialCause.SIX_IN_A_TREND in one for one in causes([9, 8, 9, 4, 5, 6, 7, 8, 6, 7]))


def test_two_of_three_and_four_of_five_are_found():
    assert SpecialCause.TWO_OF_THREE in causes([5, 4, 5, 5, 4, 5, 5, 14, 5, 14])[9]
    assert SpecialCause.FOUR_OF_FIVE in causes([4, 3, 4, 3, 4, 3, 4, 7, 7, 4, 7, 7])[11]


def test_few_periods_are_drawn_and_not_judged():
    chart = control_chart(ChartKind.U, months([1, 1, 40]))
    assert not chart.is_judged
    assert all(not point.causes for point in chart.points)


def test_a_p_chart_knows_that_no_more_than_all_can_be_infected():
    chart = control_chart(ChartKind.P, {f"2025-{n + 1:02}": Rate(cases=2, exposure=4) for n in range(9)})
    assert all(point.upper <= 1 for point in chart.points)


def test_a_month_without_anybody_at_risk_is_left_out():
    assert len(control_chart(ChartKind.U, months([3, 4]) | {"2026-09": Rate(cases=0, exposure=0)}).points) == 2


def test_the_funnel_narrows_and_marks_the_unit_outside():
    rates = {f"U{n}": Rate(cases=n * 5, exposure=n * 1000.0) for n in range(1, 9)} | {
        "BAD": Rate(cases=60, exposure=4000)
    }
    drawn = funnel(ChartKind.U, rates)
    assert [point.unit for point in drawn.points if point.is_beyond] == ["BAD"]
    widths = [upper - lower for _, lower, _, _, upper in drawn.curve]
    assert widths[-1] < widths[5] < widths[0]


def test_a_funnel_of_nothing_is_empty():
    assert funnel(ChartKind.U, {}).points == ()


def test_the_grid_colours_by_chance_and_not_by_size_alone():
    contacts = {"A": 1000, "B": 1000, "C": 1000, "D": 30, "E": 5}
    boxes = grid({"A": 20, "B": 22, "C": 60, "D": 1, "E": 3}, contacts)
    assert boxes["C"].shade is Shade.WELL_ABOVE
    assert boxes["A"].shade is Shade.WELL_BELOW
    assert boxes["D"].shade is Shade.BELOW
    assert boxes["E"].shade is Shade.TOO_FEW
    assert boxes["C"].share == 0.06


def test_definitions_are_told_apart_sample_by_sample():
    found = side_by_side([case(1), case(2), case(3)], [case(1), case(2, "M2"), case(4)])
    assert (found.same, found.other_unit) == (("c1",), ("c2",))
    assert (found.only_first, found.only_second) == (("c3",), ("c4",))
