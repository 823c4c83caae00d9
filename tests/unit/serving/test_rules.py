"""Which releases apply to which studies."""

from pathlib import Path

import pytest

from dicom_io.study import Instance, Series, Study
from serving.rules import match_stay, match_study
from serving.settings.file import Rule


def study(modality: str = "CR", body_part: str = "CHEST", description: str = "Thorax PA") -> Study:
    instance = Instance(sop_instance_uid="1.2.3", sop_class_uid="1.2", transfer_syntax_uid="1.2", path=Path("x"))
    series = Series(
        series_instance_uid="1.2.4",
        modality=modality,
        body_part=body_part,
        description=description,
        instances=(instance,),
    )
    return Study(
        study_instance_uid="1.2.5",
        patient_id="",
        patient_name="",
        patient_age_years=None,
        accession_number="",
        study_date="",
        description="",
        series=(series,),
    )


CHEST = Rule(name="chest", model="chest_xray_opacity", modalities=("CR", "DX"), body_parts=("CHEST",), priority=1)


def test_a_rule_takes_what_it_names():
    (route,) = match_study(study(), [CHEST])

    assert (route.rule, route.model, route.alias, route.priority) == ("chest", "chest_xray_opacity", "champion", 1)


@pytest.mark.parametrize("other", [study(modality="MR"), study(body_part="FOOT")], ids=["modality", "body part"])
def test_a_rule_leaves_what_it_does_not_name(other: Study):
    assert match_study(other, [CHEST]) == ()


def test_an_absent_body_part_is_taken():
    assert match_study(study(body_part=""), [CHEST]) != ()


def test_a_description_is_matched_without_regard_to_case():
    rule = Rule(name="thorax", model="m", description_contains="thorax")

    assert match_study(study(description="RTG THORAX"), [rule]) != ()
    assert match_study(study(description="Knee"), [rule]) == ()


def test_a_model_is_used_once_though_two_rules_name_it():
    again = Rule(name="again", model="chest_xray_opacity")

    assert [route.rule for route in match_study(study(), [CHEST, again])] == ["chest"]


def test_rules_for_stays_and_for_studies_do_not_mix():
    stay = Rule(name="infection", model="infection_urinary", kind="stay")

    assert match_study(study(), [stay]) == ()
    assert [route.model for route in match_stay([CHEST, stay])] == ["infection_urinary"]
