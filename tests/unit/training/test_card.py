"""A card says what it must, to people and to machines, and visibly what nobody knows."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from evaluation.card import ModelCard, Section, dump_card, load_card, missing_parts
from models.bundle import Bundle, find_bundle
from models.provenance import Provenance
from tests.factories.candidates import a_report, a_subgroup, value
from training.card import make_card
from training.card_page import to_page
from training.errors import PackageError

PROVENANCE = Provenance(
    run_id="abc",
    data_sha256="d" * 64,
    seed=7,
    created_at="2026-01-01T00:00:00Z",
    git_commit="c" * 40,
    author="anna",
    uncommitted_changes=True,
    machine="2 cores",
    training_seconds=90.0,
)


def bundle(**clinical: object) -> Bundle:
    found = find_bundle("infection_urinary")
    return replace(found, clinical=replace(found.clinical, **clinical))


def a_card(of: Bundle | None = None) -> ModelCard:
    groups = (
        a_subgroup("sex", "F", value(0.8, 0.85, 0.9)),
        a_subgroup("sex", "X", value(0.8, 0.85, 0.9), too_few=True),
    )
    return make_card(of or bundle(), PROVENANCE, a_report(subgroups=groups), ("evidence/parity.json",))


def test_a_card_is_complete_and_survives_json():
    card = a_card()
    assert missing_parts(card, to_page(card)) == ()
    assert load_card(dump_card(card)) == card


def test_the_head_is_what_model_hubs_read():
    head = yaml.safe_load(to_page(a_card()).split("---\n")[1])
    assert head["license"] == "apache-2.0"
    assert head["library_name"] == "onnx"
    assert "demonstration" in head["tags"]
    (result,) = head["model-index"][0]["results"]
    assert {one["type"]: one["value"] for one in result["metrics"]}["auroc"] == 0.9
    assert set(head["metrics"]) == {one["type"] for one in result["metrics"]}
    assert result["dataset"]["split"] == "test"


def test_a_demonstration_says_so_first():
    body = to_page(a_card()).split("\n---\n\n")[1].splitlines()
    assert body[0] == "# infection_urinary 0.1.0"
    assert body[2] == "**A demonstration. It must not be used on patients.**"


def test_a_model_that_is_no_demonstration_does_not_say_so():
    card = a_card(bundle(demonstration=False))
    assert "demonstration. It must not" not in to_page(card)
    assert missing_parts(card, to_page(card)) == ()


def test_the_page_tells_numbers_subgroups_origin_and_licence():
    page = to_page(a_card())
    for words in (
        "| auroc | 0.900 | 0.860 to 0.930 |",
        "| sex F | 100 | 50 | 0.850 | 0.800 to 0.900 |",
        "| sex X | 100 | 50 | too few |",
        "with uncommitted changes",
        "| training took | 1.5 minutes |",
        "No data of a person.",
        "- Real patients",
        "- `evidence/parity.json`",
    ):
        assert words in page


@pytest.mark.parametrize("section", list(Section))
def test_a_page_without_a_section_is_not_complete(section: Section):
    card = a_card()
    page = to_page(card).replace(f"## {section.value}\n", "")
    assert missing_parts(card, page) == (f"section '{section.value}'",)


def test_a_demonstration_whose_page_hides_it_is_not_complete():
    card = a_card()
    page = to_page(card).replace("**A demonstration. It must not be used on patients.**\n\n", "")
    assert missing_parts(card, page) == ("the words, right under the title, that it is a demonstration",)


def test_a_card_without_attribution_of_the_data_is_not_complete():
    card = a_card()
    bare = replace(card, data=replace(card.data, attribution=""))
    assert missing_parts(bare, to_page(bare)) == ("attribution and licence of the data",)


def test_a_bundle_that_does_not_say_whose_data_it_is_makes_no_card(tmp_path: Path):
    with pytest.raises(PackageError, match=r"docs/data_license.txt' of the bundle cannot be read"):
        a_card(replace(bundle(), path=tmp_path))


def test_what_nobody_said_is_empty_for_machines():
    told = a_card().applied_model_card
    assert told["BasicInfo"] == {"ModelName": "infection_urinary", "ModelDeveloper": "anna", "DeveloperContact": ""}
    assert told["ReleaseInfo"]["ReleaseStage"] == "demonstration"
    assert told["TrustIngredients"]["FundingSource"] == ""
