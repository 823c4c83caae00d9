"""A bundle as the MONAI Model Zoo publishes them: 3D segmentation of bright tissue, in RAS, with softmax."""

import json
from pathlib import Path
from typing import Any

import torch
import yaml
from monai.networks.nets import UNet
from monai.utils import set_determinism

NAME = "tissue_ct_segmentation"
ROI = (32, 48, 16)
WINDOW = (-200.0, 200.0)
NETWORK = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8],
    "strides": [2],
}
INFERENCE: dict[str, Any] = {
    "imports": ["$import torch"],
    "bundle_root": ".",
    "dataset_dir": "/somewhere/else",
    "spacing": [5.0, 5.0, 5.0],
    "device": "$torch.device('cpu')",
    "network_def": NETWORK,
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
            {"_target_": "Spacingd", "keys": "image", "pixdim": "@spacing", "mode": "bilinear"},
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "image",
                "a_min": WINDOW[0],
                "a_max": WINDOW[1],
                "b_min": -1.0,
                "b_max": 1.0,
                "clip": True,
            },
            {"_target_": "EnsureTyped", "keys": "image"},
        ],
    },
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": list(ROI), "sw_batch_size": 4, "overlap": 0.25},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        ],
    },
}
_TENSOR = {"spatial_shape": list(ROI), "dtype": "float32", "value_range": [], "is_patch_data": True}
METADATA: dict[str, Any] = {
    "schema": "https://example.org/meta_schema.json",
    "version": "0.3.1",
    "changelog": {"0.3.1": "weights again"},
    "monai_version": "1.4.0",
    "pytorch_version": "2.4.0",
    "numpy_version": "1.24.4",
    "name": "Tissue CT segmentation",
    "task": "Tissue on a CT",
    "description": "Marks tissue.",
    "authors": "Somebody",
    "copyright": "Copyright (c) Somebody",
    "data_source": "volumes of noise",
    "eval_metrics": {"mean_dice": 0.99},
    "intended_use": "An example, not for diagnosis",
    "network_data_format": {
        "inputs": {
            "image": {**_TENSOR, "type": "image", "format": "hounsfield", "modality": "CT", "num_channels": 1},
        },
        "outputs": {
            "pred": {
                **_TENSOR,
                "type": "image",
                "format": "segmentation",
                "num_channels": 2,
                "channel_def": {"0": "background", "1": "Soft tissue"},
            },
        },
    },
}

#: What a person writes where the draft has gaps.
_FILLED = {
    "intended_use": {"en": "A test.", "da": "En prøve."},
    "trained_on": {"en": "Noise.", "da": "Støj."},
    "limits": {
        "modalities": ["CT"],
        "body_parts": ["CHEST"],
        "minimum_size_px": 64,
        "minimum_slices": 8,
        "maximum_slice_spacing_mm": 6.0,
        "age_years": [18, 130],
    },
}
_LABEL = {
    "text": {"en": "Tissue", "da": "Væv"},
    "concept": {"value": "85756007", "scheme": "SCT", "meaning": "Body tissue"},
    "minimum_volume_mm3": 100,
}


def trained_network() -> torch.nn.Module:
    """A network that has learnt, on volumes of noise, to mark what is brighter than the middle of the window."""
    set_determinism(seed=3)
    network = UNet(**{key: value for key, value in NETWORK.items() if key != "_target_"})
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        image = torch.nn.functional.interpolate(torch.randn(2, 1, 4, 4, 4), scale_factor=4, mode="trilinear").tanh()
        loss = torch.nn.functional.cross_entropy(network(image), (image[:, 0] > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    set_determinism(seed=None)
    return network.eval()


def write_zoo_bundle(path: Path, network: torch.nn.Module) -> Path:
    """The bundle of *network* in the new directory *path*."""
    (path / "configs").mkdir(parents=True)
    (path / "models").mkdir()
    write_json(path / "configs" / "metadata.json", METADATA)
    write_json(path / "configs" / "inference.json", INFERENCE)
    (path / "LICENSE").write_text("Apache License, Version 2.0\n")
    torch.save(network.state_dict(), path / "models" / "model.pt")
    return path


def filled_draft(text: str) -> dict[str, Any]:
    """The draft *text* with what a person writes into its gaps."""
    draft = yaml.safe_load(text)
    filled: dict[str, Any] = draft | _FILLED | {"labels": [label | _LABEL for label in draft["labels"]]}
    return filled


def write_json(file: Path, content: object) -> None:
    """Write *content* to *file*."""
    file.write_text(json.dumps(content), encoding="utf-8")
