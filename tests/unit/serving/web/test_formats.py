"""Numbers, moments and names as people write them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from evaluation.surveillance.control_chart import ChartKind
from evaluation.surveillance.counts import Rate
from evaluation.surveillance.funnel import funnel
from serving.web import charts
from serving.web.formats import Formats
from serving.web.surveillance_charts import draw_funnel

UTC_CLOCK = ZoneInfo("UTC")
DA, EN = (Formats(language=one, zone=UTC_CLOCK) for one in ("da", "en"))


@pytest.mark.parametrize(
    ("value", "danish", "english"),
    [
        (0.931, "93,1 %", "93.1 %"),
        (0.0002, "< 0,1 %", "< 0.1 %"),
        (0.99999, "> 99,9 %", "> 99.9 %"),
        (1.0, "100,0 %", "100.0 %"),
    ],
)
def test_a_probability_is_never_rounded_to_a_certainty(value: float, danish: str, english: str):
    assert DA.percent(value) == danish
    assert EN.percent(value) == english


def test_seconds_are_told_with_the_digits_that_matter():
    assert [EN.seconds(value) for value in (0.0312, 1.234, 83.2)] == ["31 ms", "1.23 s", "83 s"]
    assert DA.seconds(1.234) == "1,23 s"


def test_numbers_drop_zeros_that_say_nothing():
    assert [EN.number(value, 2) for value in (96.0, 38.4, -0.001)] == ["96", "38.4", "0"]
    assert EN.number(100.0, 0) == "100"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Hansen^Jens^Peter^Dr", "Hansen, Jens Peter"), ("Hansen", "Hansen"), ("", ""), ("山田^太郎=x", "山田, 太郎")],
)
def test_a_person_name_is_read_as_dicom_writes_it(name: str, shown: str):
    assert EN.person(name) == shown


def test_a_trend_ends_at_the_newest_value_and_stays_inside_its_drawing():
    drawn = charts.trend((0.1, 0.2, 0.4), 0.2)
    assert drawn.last_x == charts.WIDTH - 3
    assert 0 <= drawn.last_y < drawn.threshold_y <= charts.HEIGHT
    assert charts.trend((0.0,), 0.2).points.count(",") == 1


@pytest.mark.parametrize(
    ("values", "way"), [((0.1,), "first"), ((0.1, 0.2), "rising"), ((0.2, 0.1), "falling"), ((0.2, 0.201), "steady")]
)
def test_a_trend_has_a_direction(values: tuple[float, ...], way: str):
    assert charts.direction(values) == way


def test_thousands_days_and_units_are_written_as_the_language_does():
    day = date(2026, 2, 10)
    assert [EN.count(9999), EN.count(10296), EN.date(day), EN.unit("Cel")] == ["9999", "10,296", "2026-02-10", "°C"]
    assert [DA.count(9999), DA.count(10296), DA.date(day), DA.unit("a")] == ["9999", "10.296", "10.02.2026", "år"]


def test_the_axes_of_a_funnel_bear_round_values_and_names_of_units_do_not_lie_over_each_other():
    rates = {
        "K1": Rate(cases=9, exposure=2574),
        "M3": Rate(cases=10, exposure=2574),
        "M2": Rate(cases=26, exposure=7722),
    }
    drawn = draw_funnel(funnel(ChartKind.U, rates), 10_000)
    assert drawn is not None
    assert [value for _, value in drawn.exposures] == [2000, 4000, 6000, 8000]
    assert all(value % 10 == 0 for _, value in drawn.ticks)
    assert {one.point.unit: one.is_named_above for one in drawn.points} == {"M3": True, "M2": True, "K1": False}


def test_a_moment_is_told_by_the_wards_clock_in_summer_and_winter():
    ward = Formats(language="en", zone=ZoneInfo("Europe/Copenhagen"))
    winter, summer = datetime(2026, 3, 6, 23, 30, tzinfo=UTC), datetime(2026, 7, 6, 23, 30, tzinfo=UTC)
    assert [ward.moment(winter), ward.field(summer)] == ["2026-03-07 00:30:00", "2026-07-07T01:30"]
    assert [ward.day(winter), ward.day(summer)] == ["07 Mar", "07 Jul"]
