"""Every bundle is one that MONAI's own tools accept."""

import json
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator
from monai.bundle import ConfigParser
from monai.bundle.properties import InferProperties, TrainProperties
from monai.bundle.utils import DEFAULT_METADATA
from monai.utils import BundleProperty, BundlePropertyConfig

from models.bundle import bundle_names, find_bundle

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "models" / "bundles" / "metadata_schema.json").read_bytes())


def faults(metadata: dict) -> list[str]:
    return [error.json_path for error in Draft202012Validator(SCHEMA).iter_errors(metadata)]


@pytest.mark.parametrize("name", bundle_names())
def test_metadata_are_valid_against_the_zoos_rules(name: str):
    assert faults(json.loads(find_bundle(name).config("metadata.json").read_bytes())) == []


def test_the_schema_is_one_itself_and_finds_what_is_wrong():
    Draft202012Validator.check_schema(SCHEMA)
    metadata = json.loads(find_bundle("ct_lung_nodule").config("metadata.json").read_bytes())
    image = metadata["network_data_format"]["inputs"]["image"]
    assert faults({key: value for key, value in metadata.items() if key != "task"}) == ["$"]
    assert faults({**metadata, "version": "new"}) == ["$.version"]
    image["spatial_shape"] = ["8*n", "*", "2**p*n"]
    assert faults(metadata) == []
    image["spatial_shape"], image["value_range"] = ["wide", 0, 8], [0]
    assert sorted(faults(metadata)) == [
        "$.network_data_format.inputs.image.spatial_shape[0]",
        "$.network_data_format.inputs.image.spatial_shape[1]",
        "$.network_data_format.inputs.image.value_range",
    ]


@pytest.mark.parametrize("name", bundle_names())
def test_metadata_have_every_key_of_the_zoos_contract(name: str):
    metadata = json.loads(find_bundle(name).config("metadata.json").read_bytes())
    assert set(DEFAULT_METADATA) <= set(metadata)
    assert metadata["version"] in metadata["changelog"]


@pytest.mark.parametrize("name", bundle_names())
@pytest.mark.parametrize(("file", "properties"), [("train.yaml", TrainProperties), ("inference.yaml", InferProperties)])
def test_a_platform_finds_every_property_of_a_zoo_bundle(name: str, file: str, properties: dict[str, dict]):
    parser = ConfigParser()
    parser.read_config(str(find_bundle(name).config(file)))
    required = {key: one[BundlePropertyConfig.ID] for key, one in properties.items() if one[BundleProperty.REQUIRED]}
    assert [key for key, place in required.items() if place not in parser] == []


@pytest.mark.parametrize("name", bundle_names())
def test_inference_builds_the_network_that_was_trained(name: str):
    parsers = [ConfigParser(), ConfigParser()]
    for parser, file in zip(parsers, ("train.yaml", "inference.yaml"), strict=True):
        parser.read_config(str(find_bundle(name).config(file)))
    trained, asked = (dict(parser["network_def"]) for parser in parsers)
    # Dropout is a matter of training alone.
    trained.pop("dropout", None)
    assert trained == asked


@pytest.mark.parametrize("name", ["chest_xray_opacity", "ct_lung_nodule", "image_guard"])
def test_the_network_takes_and_gives_what_metadata_say(name: str):
    bundle = find_bundle(name)
    data_format = json.loads(bundle.config("metadata.json").read_bytes())["network_data_format"]
    parser = ConfigParser()
    parser.read_config(str(bundle.config("train.yaml")))
    shape = data_format["inputs"]["image"]["spatial_shape"]
    assert tuple(shape) == bundle.clinical.inputs[0].shape[2:]
    with torch.no_grad():
        found = parser.get_parsed_content("network_def").eval()(torch.zeros(1, 1, *shape))
    said = data_format["outputs"]["pred"]
    assert list(found.shape) == [1, said["num_channels"], *said["spatial_shape"]]
    assert said["num_channels"] == len(bundle.clinical.labels)
