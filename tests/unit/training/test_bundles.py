"""Every bundle is one that MONAI's own tools accept."""

import json

import pytest
import torch
from monai.bundle import ConfigParser
from monai.bundle.properties import InferProperties, TrainProperties
from monai.bundle.utils import DEFAULT_METADATA
from monai.utils import BundleProperty, BundlePropertyConfig

from models.bundle import bundle_names, find_bundle


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
