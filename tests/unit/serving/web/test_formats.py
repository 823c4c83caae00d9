"""Numbers, moments and names as people write them."""

import pytest

from serving.web import charts
from serving.web.formats import Formats

DA, EN = Formats(language="da"), Formats(language="en")


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
