"""Synthetic stays: reproducible, obviously synthetic, readable as FHIR, and rows without a look into the future."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle as FhirBundle
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr_io.definitions.urinary import judge
from ehr_io.definitions.verdict import Outcome
from ehr_io.events import EventKind
from ehr_io.receive.fhir import read_bundle
from models.bundle import Bundle, find_bundle
from models.features import features_as_of
from models.manifest import StayPreprocessing
from training.datasets import Split
from training.phantoms.stay_fhir import to_fhir
from training.phantoms.stays import SyntheticStay, synthesize_stays
from training.stay_rows import FIRST_LANDMARK, stay_cases, training_rows

RECEIVED = datetime(2026, 11, 1, tzinfo=UTC)


@cache
def stays() -> tuple[SyntheticStay, ...]:
    return tuple(synthesize_stays(120, 7))


@cache
def bundle() -> Bundle:
    return find_bundle("infection_urinary")


def spec() -> StayPreprocessing:
    found = bundle().clinical.preprocessing
    assert isinstance(found, StayPreprocessing)
    return found


def test_the_same_seed_makes_the_same_stays():
    assert synthesize_stays(5, 3) == synthesize_stays(5, 3)
    assert synthesize_stays(5, 3) != synthesize_stays(5, 4)


def test_as_many_stays_come_as_were_asked_for_in_the_order_of_admission():
    admissions = [made.admitted_at for made in stays()]
    assert len(admissions) == 120
    assert admissions == sorted(admissions)


def test_every_identifier_says_that_it_is_synthetic():
    for made in stays():
        assert made.stay.patient_id.startswith("SYN-")
        assert made.stay.stay_id.startswith("SYN-")
        assert all(event.code.startswith("SYN-") for event in made.stay.events if event.kind is EventKind.WARD)


def test_nothing_is_known_before_it_is_true():
    assert all(event.known_time >= event.event_time for made in stays() for event in made.stay.events)


def test_cultures_are_answered_a_day_or_more_after_the_sample():
    delays = [e.known_time - e.event_time for made in stays() for e in made.stay.events if e.kind is EventKind.REPORT]
    assert min(delays) >= timedelta(hours=24)


def test_a_case_follows_an_onset():
    for made in stays():
        for verdict in judge(made.stay):
            if verdict.outcome is Outcome.HOSPITAL_ACQUIRED:
                assert made.onset is not None
                assert made.onset < verdict.sampled_at


@pytest.mark.parametrize("number", range(0, 120, 10))
def test_a_stay_survives_the_way_through_fhir(number: int):
    made = stays()[number]
    sent = to_fhir(made)
    FhirBundle.model_validate(sent)
    reading = read_bundle(json.dumps(sent).encode(), RECEIVED)
    assert reading.refusals == ()
    assert reading.events == made.stay.events
    assert [stay.patient_id for stay in reading.stays] == [made.stay.patient_id]


def test_a_stay_can_be_sent_as_far_as_it_was_known():
    made = next(made for made in stays() if len(judge(made.stay)) > 0)
    until = made.admitted_at + timedelta(hours=30)
    reading = read_bundle(json.dumps(to_fhir(made, until)).encode(), RECEIVED)
    assert reading.refusals == ()
    assert reading.events == made.stay.as_of(until).events


def test_rows_are_daily_from_the_second_day_until_the_case_or_discharge():
    for made in stays()[:40]:
        rows = training_rows([made], spec())
        cases = [v.sampled_at for v in judge(made.stay) if v.outcome is Outcome.HOSPITAL_ACQUIRED]
        until = min([made.discharged_at, *cases])
        span = until - made.admitted_at - FIRST_LANDMARK
        assert len(rows.moments) == -(-span // timedelta(hours=24))
        assert all(moment < until for moment in rows.moments)


def test_a_row_is_positive_when_the_case_is_sampled_within_the_horizon():
    made = next(m for m in stays() if any(v.outcome is Outcome.HOSPITAL_ACQUIRED for v in judge(m.stay)))
    (case,) = [v.sampled_at for v in judge(made.stay) if v.outcome is Outcome.HOSPITAL_ACQUIRED]
    rows = training_rows([made], spec())
    expected = [moment < case <= moment + timedelta(hours=48) for moment in rows.moments]
    assert rows.labels.tolist() == expected
    assert any(expected)


@settings(max_examples=60, deadline=None)
@given(number=st.integers(0, 119), day=st.integers(1, 12), shift=st.floats(-500, 500))
def test_nothing_learnt_later_changes_a_row(number: int, day: int, shift: float):
    """Whatever became known after T may be changed or removed: the features at T stay the same."""
    stay = stays()[number].stay
    moment = stays()[number].admitted_at + timedelta(days=day)
    known = tuple(event for event in stay.events if event.known_time <= moment)
    altered = tuple(
        event if event.known_time <= moment else replace(event, value=shift, text="changed", end_time=None)
        for event in stay.events
    )
    # An end after T is unknown at T too: the catheter may just as well stay in for another week.
    longer = tuple(
        replace(event, end_time=event.end_time + timedelta(days=7))
        if event.end_time is not None and event.end_time > moment
        else event
        for event in altered
    )
    expected = features_as_of(stay, spec(), moment)
    for events in (known, altered, longer):
        found = features_as_of(replace(stay, events=events), spec(), moment)
        np.testing.assert_array_equal(found.values, expected.values)
        assert found.measured_at == expected.measured_at


def test_the_splits_follow_time_and_share_no_patient():
    order = list(Split)
    seen: dict[str, Split] = {}
    newest = -1
    for split, case in stay_cases(bundle(), 120, 7):
        assert order.index(split) >= newest
        newest = order.index(split)
        assert seen.setdefault(case.patient, split) is split
        assert case.input.shape == (12,)
        assert case.label.shape == (1,)
    assert set(seen.values()) == set(Split)


def test_no_feature_tells_of_a_suspicion_of_the_infection():
    assert {feature.code for feature in spec().features}.isdisjoint({"urine_culture", "antibiotic", "report"})
