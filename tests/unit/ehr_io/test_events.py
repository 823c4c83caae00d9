from datetime import UTC, datetime, timedelta

from ehr_io.events import Event, EventKind, Stay

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(hours: float, known_after: float, **changes: object) -> Event:
    return Event(
        stay_id="e1",
        source=f"Observation/{hours}",
        kind=EventKind.OBSERVATION,
        code="temperature",
        event_time=START + hours * HOUR,
        known_time=START + (hours + known_after) * HOUR,
        **changes,
    )


def test_what_was_answered_later_is_not_known_yet():
    stay = Stay(stay_id="e1", patient_id="p1", events=(event(1, 0), event(2, 48)))
    assert stay.as_of(START + 3 * HOUR).events == (event(1, 0),)


def test_a_fact_is_known_from_the_very_moment_on():
    stay = Stay(stay_id="e1", patient_id="p1", events=(event(1, 1),))
    assert len(stay.as_of(START + 2 * HOUR).events) == 1


def test_an_end_after_the_moment_is_unknown():
    stay = Stay(stay_id="e1", patient_id="p1", events=(event(1, 0, end_time=START + 9 * HOUR),))
    assert stay.as_of(START + 3 * HOUR).events[0].end_time is None
    assert stay.as_of(START + 9 * HOUR).events[0].end_time == START + 9 * HOUR
