"""Both sides of each boundary of the definition of a hospital-acquired urinary tract infection."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ehr_io.definitions.urinary import judge
from ehr_io.definitions.verdict import Outcome
from ehr_io.events import Event, EventKind, Stay

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def event(kind: EventKind, code: str, at: datetime, **changes: object) -> Event:
    told = {"source": f"{kind.value}/{at.isoformat()}", "known_time": at} | changes
    return Event(stay_id="e1", kind=kind, code=code, event_time=at, **told)


def culture(at: datetime, cfu: float | None = 1e5, organisms: str = "112283007") -> Event:
    return event(EventKind.REPORT, "urine_culture", at, value=cfu, text=organisms, known_time=at + 48 * HOUR)


def stay(*events: Event, end: datetime | None = None, born: datetime = datetime(1950, 1, 1, tzinfo=UTC)) -> Stay:
    told = [
        event(EventKind.PATIENT, "birth_date", born),
        event(EventKind.ADMISSION, "IMP", START, end_time=end),
        *events,
    ]
    return Stay(stay_id="e1", patient_id="p1", events=tuple(told))


def outcomes(of: Stay) -> list[Outcome]:
    return [verdict.outcome for verdict in judge(of)]


@pytest.mark.parametrize(
    ("after_start", "outcome"),
    [
        (48 * HOUR - MINUTE, Outcome.COMMUNITY_ACQUIRED),
        (48 * HOUR, Outcome.HOSPITAL_ACQUIRED),
        (48 * HOUR + MINUTE, Outcome.HOSPITAL_ACQUIRED),
    ],
)
def test_hospital_acquired_begins_48_hours_after_the_contact(after_start: timedelta, outcome: Outcome):
    assert outcomes(stay(culture(START + after_start))) == [outcome]


@pytest.mark.parametrize(
    ("after_end", "outcome"),
    [
        (timedelta(), Outcome.HOSPITAL_ACQUIRED),
        (48 * HOUR, Outcome.HOSPITAL_ACQUIRED),
        (48 * HOUR + MINUTE, Outcome.AFTER_CONTACT),
    ],
)
def test_hospital_acquired_ends_48_hours_after_the_contact(after_end: timedelta, outcome: Outcome):
    end = START + 100 * HOUR
    assert outcomes(stay(culture(end + after_end), end=end)) == [outcome]


def test_a_stay_without_an_end_has_no_upper_limit():
    assert outcomes(stay(culture(START + 2000 * HOUR))) == [Outcome.HOSPITAL_ACQUIRED]


@pytest.mark.parametrize(
    ("cfu", "outcome"),
    [(9_999, Outcome.NEGATIVE), (10_000, Outcome.HOSPITAL_ACQUIRED), (None, Outcome.NEGATIVE)],
)
def test_at_least_ten_thousand_colonies_are_required(cfu: float | None, outcome: Outcome):
    assert outcomes(stay(culture(START + 72 * HOUR, cfu=cfu))) == [outcome]


@pytest.mark.parametrize(
    ("organisms", "outcome"),
    [
        ("", Outcome.NEGATIVE),
        ("1", Outcome.HOSPITAL_ACQUIRED),
        ("1 2", Outcome.HOSPITAL_ACQUIRED),
        ("1 2 3", Outcome.NEGATIVE),
    ],
)
def test_at_most_two_organisms_count(organisms: str, outcome: Outcome):
    assert outcomes(stay(culture(START + 72 * HOUR, organisms=organisms))) == [outcome]


@pytest.mark.parametrize(
    ("apart", "outcome"),
    [(timedelta(days=30), Outcome.SAME_EPISODE), (timedelta(days=30) + MINUTE, Outcome.HOSPITAL_ACQUIRED)],
)
def test_a_new_episode_begins_more_than_30_days_after_the_first(apart: timedelta, outcome: Outcome):
    first = START + 72 * HOUR
    assert outcomes(stay(culture(first), culture(first + apart))) == [Outcome.HOSPITAL_ACQUIRED, outcome]


def test_the_30_days_count_from_the_first_positive_of_the_episode():
    first = START + 72 * HOUR
    samples = [culture(first), culture(first + timedelta(days=20)), culture(first + timedelta(days=31))]
    expected = [Outcome.HOSPITAL_ACQUIRED, Outcome.SAME_EPISODE, Outcome.HOSPITAL_ACQUIRED]
    assert outcomes(stay(*samples)) == expected


def test_a_community_acquired_sample_begins_an_episode():
    both = stay(culture(START + HOUR), culture(START + 72 * HOUR))
    assert outcomes(both) == [Outcome.COMMUNITY_ACQUIRED, Outcome.SAME_EPISODE]


def test_a_negative_culture_begins_no_episode():
    both = stay(culture(START + HOUR, organisms=""), culture(START + 72 * HOUR))
    assert outcomes(both) == [Outcome.NEGATIVE, Outcome.HOSPITAL_ACQUIRED]


@pytest.mark.parametrize(
    ("born", "sampled", "outcome"),
    [
        ("2025-03-02", "2026-03-01T23:59", Outcome.TOO_YOUNG),
        ("2025-03-02", "2026-03-02T00:00", Outcome.HOSPITAL_ACQUIRED),
        # A leap day in between makes the year a day longer, and the child no older.
        ("2023-03-02", "2024-03-01T23:59", Outcome.TOO_YOUNG),
        ("2023-03-02", "2024-03-02T00:00", Outcome.HOSPITAL_ACQUIRED),
        ("2024-02-29", "2025-02-28T23:59", Outcome.TOO_YOUNG),
        ("2024-02-29", "2025-03-01T00:00", Outcome.HOSPITAL_ACQUIRED),
    ],
)
def test_a_child_counts_from_its_first_birthday(born: str, sampled: str, outcome: Outcome):
    sample = datetime.fromisoformat(sampled).replace(tzinfo=UTC)
    birth = datetime.fromisoformat(born).replace(tzinfo=UTC)
    told = stay(culture(sample), born=birth)
    admitted = event(EventKind.ADMISSION, "IMP", sample - 72 * HOUR)
    assert outcomes(replace(told, events=(told.events[0], admitted, *told.events[2:]))) == [outcome]


def test_without_a_start_nothing_can_be_said():
    assert outcomes(Stay(stay_id="e1", patient_id="p1", events=(culture(START),))) == [Outcome.UNDECIDABLE]


def test_an_unanswered_culture_has_no_verdict_yet():
    sample = START + 72 * HOUR
    assert outcomes(stay(culture(sample)).as_of(sample + 47 * HOUR)) == []
    assert outcomes(stay(culture(sample)).as_of(sample + 48 * HOUR)) == [Outcome.HOSPITAL_ACQUIRED]


def test_the_case_counts_to_the_ward_48_hours_before_the_sample():
    wards = [event(EventKind.WARD, "A", START), event(EventKind.WARD, "B", START + 30 * HOUR)]
    (early,) = judge(stay(*wards, culture(START + 72 * HOUR)))
    (late,) = judge(stay(*wards, culture(START + 78 * HOUR)))
    assert (early.unit, late.unit) == ("A", "B")


def test_the_verdict_explains_itself_in_both_languages():
    (verdict,) = judge(stay(culture(START + 72 * HOUR)))
    assert verdict.explanation.en.startswith(
        "Hospital-acquired because the positive sample was taken 72.0 h after the contact began"
    )
    assert verdict.explanation.da.startswith(
        "Sygehuserhvervet, fordi den positive prøve blev taget 72.0 timer efter kontaktens start"
    )


def test_a_discharge_before_the_admission_ends_no_contact():
    impossible = event(EventKind.DISCHARGE, "IMP", START - 10 * HOUR)
    assert outcomes(stay(impossible, culture(START + 60 * HOUR))) == [Outcome.HOSPITAL_ACQUIRED]
