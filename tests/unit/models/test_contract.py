"""Conditions of use that concern the patient's age."""

import pytest

from dicom_io.study import Study
from models.contract import ViolationCode, check_study
from models.manifest import InputLimits


def study(age_years: float | None) -> Study:
    return Study(
        study_instance_uid="1.2.5",
        patient_id="",
        patient_name="",
        patient_age_years=age_years,
        accession_number="",
        study_date="",
        description="",
        series=(),
    )


def says_age(age_years: float | None, limits: InputLimits) -> bool:
    return ViolationCode.AGE in {violation.code for violation in check_study(study(age_years), limits)}


@pytest.mark.parametrize(("age_years", "refused"), [(0.9, True), (1, False), (6, False), (6.1, True), (None, False)])
def test_an_age_outside_the_range_is_refused_and_an_unknown_one_is_not(age_years: float | None, *, refused: bool):
    assert says_age(age_years, InputLimits(age_years=(1, 6))) is refused


def test_an_unknown_age_is_refused_where_it_must_be_known():
    assert says_age(None, InputLimits(age_years=(1, 6), age_required=True))
    assert not says_age(3, InputLimits(age_years=(1, 6), age_required=True))
