"""Both sides of each boundary of the case definitions, and what differs between their editions."""

from datetime import timedelta

import pytest
from factories.histories import (
    DIFFICILE,
    ECOLI,
    EPIDERMIDIS,
    at,
    contact,
    history,
    operation,
    sample,
)

from ehr_io.definitions.bacteraemia import BACTERAEMIA_2015, BACTERAEMIA_2019
from ehr_io.definitions.catalogue import ALL, cases
from ehr_io.definitions.clostridioides import CLOSTRIDIOIDES_2019
from ehr_io.definitions.history import History, Specimen, chain
from ehr_io.definitions.joint import HIP_2019
from ehr_io.definitions.risk_time import risk_periods
from ehr_io.definitions.urinary import URINARY_2015, URINARY_2019
from ehr_io.definitions.verdict import Outcome

MINUTE = 1 / 60
DAY = 24


def _outcomes(definition, told: History) -> list[Outcome]:
    return [verdict.outcome for verdict in definition.judge(told)]


@pytest.mark.parametrize(
    ("hour", "outcome"),
    [
        (48 - MINUTE, Outcome.COMMUNITY_ACQUIRED),
        (48, Outcome.HOSPITAL_ACQUIRED),
        (100 + 48, Outcome.HOSPITAL_ACQUIRED),
        (100 + 48 + MINUTE, Outcome.AFTER_CONTACT),
    ],
)
def test_bacteraemia_counts_from_48_h_after_the_start_to_48_h_after_the_end(hour: float, outcome: Outcome):
    told = history(contact(0, 100), samples=(sample(Specimen.BLOOD, hour, ECOLI),))
    assert _outcomes(BACTERAEMIA_2019, told) == [outcome]


@pytest.mark.parametrize(
    ("organisms", "outcome"),
    [
        ((), Outcome.NEGATIVE),
        ((EPIDERMIDIS,), Outcome.CONTAMINATION),
        ((EPIDERMIDIS, ECOLI), Outcome.HOSPITAL_ACQUIRED),
        (("3092008",), Outcome.HOSPITAL_ACQUIRED),
        (("99999-unknown",), Outcome.HOSPITAL_ACQUIRED),
    ],
)
def test_organisms_of_the_contaminant_list_alone_make_no_bacteraemia(organisms: tuple[str, ...], outcome: Outcome):
    told = history(contact(0, None), samples=(sample(Specimen.BLOOD, 60, *organisms),))
    assert _outcomes(BACTERAEMIA_2019, told) == [outcome]


@pytest.mark.parametrize(("days", "is_new"), [(30, False), (30 + MINUTE / 24, True)])
def test_a_new_bacteraemia_begins_more_than_30_days_after_the_first_positive(days: float, *, is_new: bool):
    samples = (sample(Specimen.BLOOD, 60, ECOLI), sample(Specimen.BLOOD, 60 + days * DAY, ECOLI))
    second = _outcomes(BACTERAEMIA_2019, history(contact(0, None), samples=samples))[1]
    assert (second is Outcome.HOSPITAL_ACQUIRED) is is_new


def test_the_editions_count_to_different_units():
    told = history(contact(0, 200, ("A", 0), ("B", 30)), samples=(sample(Specimen.BLOOD, 72, ECOLI),))
    assert [one.judge(told)[0].unit for one in (BACTERAEMIA_2019, BACTERAEMIA_2015)] == ["A", "B"]


def test_a_sample_after_discharge_counts_to_the_last_ward_of_48_h_before():
    told = history(contact(0, 100, ("A", 0), ("B", 80)), samples=(sample(Specimen.BLOOD, 124, ECOLI),))
    (case,) = BACTERAEMIA_2019.judge(told)
    assert (case.unit, case.is_case) == ("A", True)


@pytest.mark.parametrize(
    ("gap_days", "new_in_2015", "new_in_2019"),
    [(14, False, False), (14.01, True, False), (30, True, False), (30.01, True, True)],
)
def test_a_new_urinary_episode_needs_14_days_in_the_old_edition_and_30_in_the_new(
    gap_days: float, *, new_in_2015: bool, new_in_2019: bool
):
    second = 60 + gap_days * DAY
    samples = (sample(Specimen.URINE, 60, ECOLI), sample(Specimen.URINE, second, ECOLI))
    told = history(contact(0, 100), contact(second - 60, None), samples=samples)
    found = [_outcomes(one, told)[1] is Outcome.HOSPITAL_ACQUIRED for one in (URINARY_2015, URINARY_2019)]
    assert found == [new_in_2015, new_in_2019]


def test_the_old_urinary_edition_counts_one_case_a_contact():
    samples = (sample(Specimen.URINE, 60, ECOLI), sample(Specimen.URINE, 60 + 40 * DAY, ECOLI))
    told = history(contact(0, None), samples=samples)
    assert _outcomes(URINARY_2015, told)[1] is Outcome.SAME_EPISODE
    assert _outcomes(URINARY_2019, told)[1] is Outcome.HOSPITAL_ACQUIRED


def test_a_transfer_between_hospitals_does_not_start_the_48_hours_anew():
    joined = chain([contact(0, 40, stays=("e1",)), contact(42, 200, ("B", 42), stays=("e2",))])
    apart = chain([contact(0, 40, stays=("e1",)), contact(44 + MINUTE, 200, ("B", 44 + MINUTE), stays=("e2",))])
    blood = (sample(Specimen.BLOOD, 89, ECOLI),)

    assert [len(joined), len(apart)] == [1, 2]
    assert _outcomes(BACTERAEMIA_2019, history(*joined, samples=blood)) == [Outcome.HOSPITAL_ACQUIRED]
    assert _outcomes(BACTERAEMIA_2019, history(*apart, samples=blood)) == [Outcome.COMMUNITY_ACQUIRED]


def test_a_sample_early_in_a_readmission_may_belong_to_the_contact_before():
    told = history(contact(0, 100), contact(120, None), samples=(sample(Specimen.BLOOD, 130, ECOLI),))
    (case,) = BACTERAEMIA_2019.judge(told)
    assert (case.is_case, case.since) == (True, at(0))


def test_a_discharge_that_was_never_told_does_not_stretch_a_contact_to_the_next():
    first, second = chain([contact(0, None, ("A", 0), ("B", 50), stays=("e1",)), contact(500, 600, stays=("e2",))])
    assert (first.end, first.end_is_assumed, second.stay_ids) == (at(0), True, ("e2",))


def test_overlapping_stays_are_one_contact_with_the_later_end():
    (joined,) = chain([contact(0, 100, stays=("e1",)), contact(50, 80, stays=("e2",))])
    assert (joined.start, joined.end, joined.stay_ids) == (at(0), at(100), ("e1", "e2"))


@pytest.mark.parametrize(
    ("hour", "outcome"),
    [
        (48 - MINUTE, Outcome.COMMUNITY_ACQUIRED),
        (48, Outcome.HOSPITAL_ONSET),
        (148, Outcome.HOSPITAL_ONSET),
        (148 + MINUTE, Outcome.COMMUNITY_ONSET),
        (100 + 30 * DAY, Outcome.COMMUNITY_ONSET),
        (100 + 30 * DAY + MINUTE, Outcome.COMMUNITY_ACQUIRED),
    ],
)
def test_c_difficile_begins_in_hospital_or_up_to_30_days_after(hour: float, outcome: Outcome):
    told = history(contact(0, 100), samples=(sample(Specimen.FAECES, hour, DIFFICILE),))
    assert _outcomes(CLOSTRIDIOIDES_2019, told) == [outcome]


@pytest.mark.parametrize(("gap_days", "outcome"), [(30, Outcome.COMMUNITY_ONSET), (30.01, Outcome.COMMUNITY_ACQUIRED)])
def test_c_difficile_early_in_an_admission_looks_30_days_back(gap_days: float, outcome: Outcome):
    admitted = 100 + gap_days * DAY
    told = history(
        contact(0, 100), contact(admitted, None), samples=(sample(Specimen.FAECES, admitted + 10, DIFFICILE),)
    )
    assert _outcomes(CLOSTRIDIOIDES_2019, told) == [outcome]


@pytest.mark.parametrize(
    ("organisms", "years", "outcome"),
    [
        ((DIFFICILE,), 2, Outcome.TOO_YOUNG),
        ((DIFFICILE,), 2.003, Outcome.HOSPITAL_ONSET),
        ((DIFFICILE, "non-toxigenic"), 50, Outcome.NEGATIVE),
        ((ECOLI,), 50, Outcome.NEGATIVE),
    ],
)
def test_c_difficile_must_make_toxin_in_a_patient_over_two(organisms: tuple[str, ...], years: float, outcome: Outcome):
    born = at(60) - timedelta(days=365.25 * years)
    told = history(contact(0, None), samples=(sample(Specimen.FAECES, 60, *organisms),), born=born)
    assert _outcomes(CLOSTRIDIOIDES_2019, told) == [outcome]


@pytest.mark.parametrize(("days", "outcome"), [(0, Outcome.TOO_YOUNG), (1, Outcome.HOSPITAL_ONSET)])
def test_on_its_second_birthday_a_child_is_two_and_not_over_it(days: int, outcome: Outcome):
    taken = at(60)
    born = taken.replace(year=taken.year - 2, hour=0, minute=0) - timedelta(days=days)
    told = history(contact(0, None), samples=(sample(Specimen.FAECES, 60, DIFFICILE),), born=born)
    assert _outcomes(CLOSTRIDIOIDES_2019, told) == [outcome]


def _biopsies(day: float, *grown: str) -> tuple:
    return tuple(
        sample(Specimen.JOINT, day * DAY + n / 10, *organism.split(), source=f"b{day}-{n}")
        for n, organism in enumerate(grown)
    )


@pytest.mark.parametrize(
    ("day", "outcome"),
    [
        (1, Outcome.OUTSIDE_FOLLOW_UP),
        (2, Outcome.HOSPITAL_ACQUIRED),
        (90, Outcome.HOSPITAL_ACQUIRED),
        (91, Outcome.OUTSIDE_FOLLOW_UP),
        (365, Outcome.OUTSIDE_FOLLOW_UP),
    ],
)
def test_a_deep_infection_counts_from_day_2_to_90(day: int, outcome: Outcome):
    told = history(
        contact(0, 100),
        samples=_biopsies(day, ECOLI, ECOLI, ""),
        operations=(operation(0, is_again=False), operation(day, is_again=True)),
    )
    assert _outcomes(HIP_2019, told) == [outcome]


@pytest.mark.parametrize(
    ("grown", "outcome"),
    [
        ((ECOLI, ECOLI), Outcome.NEGATIVE),
        ((ECOLI, EPIDERMIDIS, ""), Outcome.NEGATIVE),
        ((EPIDERMIDIS, f"{ECOLI} {EPIDERMIDIS}", ""), Outcome.HOSPITAL_ACQUIRED),
    ],
)
def test_two_of_at_least_three_biopsies_must_grow_the_same(grown: tuple[str, ...], outcome: Outcome):
    told = history(
        contact(0, 100),
        samples=_biopsies(20, *grown),
        operations=(operation(0, is_again=False), operation(20, is_again=True)),
    )
    assert _outcomes(HIP_2019, told) == [outcome]


def test_each_side_is_followed_on_its_own_and_once():
    index = (operation(0, is_again=False, side="left"), operation(0, is_again=False, side="right"))
    again = [operation(day, is_again=True, side=side) for day, side in ((20, "left"), (25, "left"), (30, "right"))]
    samples = tuple(one for day in (20, 25, 30) for one in _biopsies(day, ECOLI, ECOLI, ECOLI))
    told = history(contact(0, 100), samples=samples, operations=(*index, *again))
    expected = [Outcome.HOSPITAL_ACQUIRED, Outcome.SAME_EPISODE, Outcome.HOSPITAL_ACQUIRED]
    assert _outcomes(HIP_2019, told) == expected


def test_after_an_acute_index_operation_nothing_is_counted():
    told = history(
        contact(0, 100),
        samples=_biopsies(20, ECOLI, ECOLI, ECOLI),
        operations=(operation(0, is_again=False, is_planned=False), operation(20, is_again=True)),
    )
    assert _outcomes(HIP_2019, told) == [Outcome.ACUTE_OPERATION]


def test_a_deep_infection_counts_to_the_unit_of_the_index_operation():
    told = history(
        contact(0, 100, ("ORTHO", 0)),
        contact(20 * DAY - 5, None, ("OTHER", 20 * DAY - 5), stays=("e2",)),
        samples=_biopsies(20, ECOLI, ECOLI, ECOLI),
        operations=(operation(0, is_again=False), operation(20, is_again=True)),
    )
    (case,) = HIP_2019.judge(told)
    assert (case.unit, case.stay_id, case.since) == ("ORTHO", "e1", at(0))


def test_two_samples_of_the_same_hour_are_one_case():
    samples = (sample(Specimen.BLOOD, 60, ECOLI, source="a"), sample(Specimen.BLOOD, 60, ECOLI, source="b"))
    assert len(cases([history(contact(0, None), samples=samples)])) == 1


def test_every_definition_cites_its_rule_and_explains_itself_in_both_languages():
    told = history(
        contact(0, 100),
        samples=(
            sample(Specimen.BLOOD, 60, ECOLI),
            sample(Specimen.URINE, 60, ECOLI),
            sample(Specimen.FAECES, 60, DIFFICILE),
            *_biopsies(20, ECOLI, ECOLI, ECOLI),
        ),
        operations=(operation(0, is_again=False), operation(20, is_again=True)),
    )
    found = [verdict for one in ALL for verdict in one.judge(told)]
    assert {verdict.definition for verdict in found if verdict.is_case} == {
        one.id for one in ALL if "knee" not in one.id
    }
    assert all("because" in verdict.explanation.en and "fordi" in verdict.explanation.da for verdict in found)
    assert all("Statens Serum Institut" in one.edition.source for one in ALL)


def test_the_whole_contact_is_at_risk_until_the_event_in_the_new_edition():
    told = history(contact(0, 240, ("A", 0), ("B", 96)), samples=(sample(Specimen.BLOOD, 120, ECOLI),))
    periods = risk_periods(told, BACTERAEMIA_2019, at(1000))
    assert [(one.unit, one.days) for one in periods] == [("A", 4.0), ("B", 1.0)]


def test_the_first_48_hours_are_not_at_risk_in_the_old_edition():
    periods = risk_periods(history(contact(0, 240, ("A", 0), ("B", 96))), BACTERAEMIA_2015, at(1000))
    assert [(one.unit, one.days) for one in periods] == [("A", 2.0), ("B", 6.0)]


def test_after_death_and_after_the_end_of_the_look_nobody_is_at_risk():
    dead = risk_periods(history(contact(0, 240), died_at=at(120)), BACTERAEMIA_2019, at(1000))
    open_ended = risk_periods(history(contact(0, None)), BACTERAEMIA_2019, at(72))
    assert [one.days for one in (*dead, *open_ended)] == [5.0, 3.0]
