"""The region is what it says: beds are never overfull, everyone is invented, and what was planned is what is found."""

from collections import Counter

import pytest

from ehr_io.definitions.catalogue import ALL, cases
from ehr_io.definitions.history import history_of
from training.phantoms.region.region import Region, moment, synthesize_region
from training.phantoms.region.told import region_stays

_SEEDS = (1, 2)


@pytest.fixture(scope="module", params=_SEEDS)
def region(request: pytest.FixtureRequest) -> Region:
    return synthesize_region(150, 200, request.param, with_measurements=False)


def test_every_case_found_is_true_and_every_true_case_is_found_in_every_edition(region: Region):
    histories = [history_of(person.patient_id, stays) for person, stays in region_stays(region)]
    found = {
        (
            *(case.definition, case.edition, case.outcome.value, case.patient_id),
            *(case.source.partition("/")[2], case.sampled_at, case.unit),
        )
        for case in cases(histories, ALL)
    }
    true = {
        (one.definition, one.edition, one.outcome, one.patient_id, one.number, moment(one.minute), one.unit)
        for one in region.truth()
    }
    assert found == true
    assert {(one.id, one.edition.name) for one in ALL} == {(one.definition, one.edition) for one in region.truth()}


def test_the_editions_differ_and_every_trap_is_set(region: Region):
    counted = Counter(one.edition for one in region.truth() if "urinary" in one.definition)
    assert counted["2015"] != counted["2019"]
    scenarios = {sample.scenario for sample in region.samples}
    assert scenarios >= {
        *("hospital", "at-48-h", "a-minute-before-48-h", "community", "negative", "infant", "first-of-two"),
        *("after-discharge", "48-h-after-discharge", "a-minute-too-late", "again-in-the-next", "soon-back"),
    }


def test_no_ward_holds_more_patients_than_it_has_beds(region: Region):
    changes = [
        (minute, change, segment.ward.code)
        for _, encounter in region.encounters()
        for segment in encounter.segments
        for minute, change in ((segment.start, 1), (segment.end, -1))
    ]
    beds = {ward.code: ward.beds for ward in region.wards}
    present: Counter[str] = Counter()
    for _, change, ward in sorted(changes):
        present[ward] += change
        assert present[ward] <= beds[ward]
    assert sum(beds.values()) == 150


def test_every_civil_number_is_a_test_number_of_its_own(region: Region):
    numbers = [person.civil_number for person in region.people]
    assert len(set(numbers)) == len(numbers)
    assert all(len(number) == 10 and number[0] in "6789" for number in numbers)
    assert all((int(person.civil_number[-1]) % 2 == 0) is person.is_female for person in region.people)


def test_the_same_seed_draws_the_same_region_with_or_without_measurements():
    first, again = (synthesize_region(40, 30, 7) for _ in range(2))
    bare = synthesize_region(40, 30, 7, with_measurements=False)
    assert [list(region_stays(one)) for one in (first,)] == [list(region_stays(one)) for one in (again,)]
    assert bare.truth() == first.truth()
    assert sum(len(one.minutes) for one in first.rounds) > 1_000
    assert bare.rounds == ()
