"""A policy is valid when it is made, and is found for its ward."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.alerts.policy import AlertPolicy, Mode, load_policies, policy_for
from serving.errors import SettingsError

EXAMPLES = Path(__file__).parents[4] / "deploy" / "examples" / "alert-policies.toml"


def policy(**other: object) -> AlertPolicy:
    return AlertPolicy.model_validate({"name": "p", "model": "m", "threshold": 0.2} | other)


def test_a_policy_is_silent_until_somebody_says_live():
    assert policy().mode is Mode.SILENT


def test_another_threshold_is_another_digest_under_the_same_name():
    assert policy().digest != policy(threshold=0.3).digest
    assert policy().digest == policy().digest


@pytest.mark.parametrize(
    "fault",
    [
        {"hold": 3, "hold_of": 2},
        {"threshold": None},
        {"threshold": 1.0},
        {"mode": "loud"},
        {"cap_per_shift": 0},
        {"refractory": 3},
    ],
)
def test_an_impossible_policy_is_not_made(fault: dict[str, object]):
    with pytest.raises(ValidationError):
        policy(**fault)


def test_a_policy_that_names_the_ward_comes_before_one_for_all():
    general, named = policy(name="all"), policy(name="m2", wards=("M2",))
    assert policy_for([general, named], "m", "M2") is named
    assert policy_for([general, named], "m", "M3") is general
    assert policy_for([named], "m", "M3") is None
    assert policy_for([general], "other", "M2") is None


def test_the_examples_are_policies():
    assert load_policies(EXAMPLES)[0].name == "utility-then-silent"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no table"),
        ("[[alert_policies]]\nname='p'\nmodel='m'", "threshold"),
        ("[[alert_policies]", "not TOML"),
    ],
)
def test_a_faulty_file_is_told_with_its_fault(tmp_path: Path, text: str, told: str):
    path = tmp_path / "policies.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=told):
        load_policies(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_policies(tmp_path / "none.toml")
