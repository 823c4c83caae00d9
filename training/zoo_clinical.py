"""The clinical words of a zoo bundle: a draft of what its configs tell, with gaps for what only people know."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from dicom_io.codes import Code
from models.bundle import ClinicalSpec, read_clinical
from models.manifest import InputLimits, Label, Preprocessing, Task, Text
from training.errors import BundleError
from training.zoo import ZooBundle
from training.zoo_recipe import ZooRecipe, read_recipe, tensor_of

#: Stands where a person must write.
GAP = "???"
#: Where softmax over two channels and its argmax change over, and where sigmoids are cut.
_THRESHOLD = 0.5
_PREPROCESSING: TypeAdapter[Preprocessing] = TypeAdapter(Preprocessing)
#: The zoo's words for modalities -> DICOM's (0008,0060).
_MODALITIES = {"CT": "CT", "MR": "MR", "MRI": "MR", "PT": "PT", "PET": "PT"}
_HEAD = f"""\
# What Varsel must know of a bundle of the Model Zoo, in the words of configs/clinical.yaml of its own bundles.
# Filled from the bundle: task, preprocessing, labels' keys and order; these must stay as they are.
# Replace every {GAP}, then: varsel bundle import DIR --trust --clinical THIS_FILE
# limits: outside of them a case is not analysed. threshold: probability of a voxel from which it is said.
"""


def draft_clinical(zoo: ZooBundle) -> str:
    """The YAML of a clinical.yaml for *zoo*: derived values, and gaps.

    Raises:
        BundleError: the bundle cannot be served.
        RunError: a part of its config does not resolve.
    """
    recipe, metadata = read_recipe(zoo), zoo.metadata
    modality = _MODALITIES.get(str(tensor_of(zoo, "inputs").get("modality", "")).upper(), GAP)
    draft = {
        "task": Task.VOLUME_SEGMENTATION.value,
        "intended_use": {"en": metadata.get("intended_use") or GAP, "da": GAP},
        "trained_on": {"en": metadata.get("data_source") or GAP, "da": GAP},
        "demonstration": True,
        "preprocessing": _PREPROCESSING.dump_python(recipe.preprocessing, mode="json"),
        "limits": {
            "modalities": [modality],
            "body_parts": [GAP],
            "minimum_size_px": GAP,
            "minimum_slices": GAP,
            "maximum_slice_spacing_mm": GAP,
            "age_years": [GAP, GAP],
        },
        "labels": [_label(key) for key in recipe.labels],
    }
    return _HEAD + yaml.safe_dump(draft, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def filled_clinical(file: Path, recipe: ZooRecipe) -> ClinicalSpec:
    """What *file*, a draft that a person has filled, says for the bundle with *recipe*.

    Raises:
        BundleError: it has gaps, contradicts the bundle, or says that the release is no demonstration.
        ManifestError: it is no YAML, or says something impossible.
    """
    _demand_no_gaps(file)
    clinical = read_clinical(file)
    keys = tuple(label.key for label in clinical.labels)
    for name, found, wanted in (
        ("task", clinical.task, Task.VOLUME_SEGMENTATION),
        ("preprocessing", clinical.preprocessing, recipe.preprocessing),
        ("labels", keys, recipe.labels),
        # Nobody has evaluated it here.
        ("demonstration", clinical.demonstration, True),
    ):
        if found != wanted:
            raise BundleError(f"'{file}' has {name} {found}; the bundle's configs say {wanted}: write that")
    return clinical


def placeholder_clinical(recipe: ZooRecipe) -> ClinicalSpec:
    """Enough of a clinical.yaml to export and ask a graph; never released."""
    nobody = Text(en=GAP, da=GAP)
    code = Code(value=GAP, scheme=GAP, meaning=GAP)
    return ClinicalSpec(
        task=Task.VOLUME_SEGMENTATION,
        intended_use=nobody,
        trained_on=nobody,
        demonstration=True,
        preprocessing=recipe.preprocessing,
        limits=InputLimits(),
        labels=tuple(Label(key=key, text=nobody, concept=code, threshold=_THRESHOLD) for key in recipe.labels),
    )


def _label(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "text": {"en": GAP, "da": GAP},
        "concept": {"value": GAP, "scheme": "SCT", "meaning": GAP},
        "threshold": _THRESHOLD,
        "threshold_rule": "that of the bundle's own postprocessing; not chosen on patients of this site",
        "minimum_volume_mm3": GAP,
    }


def _demand_no_gaps(file: Path) -> None:
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"'{file}' cannot be read ({error.strerror}); --write-clinical writes a draft") from error
    except yaml.YAMLError as error:
        raise BundleError(f"'{file}' is no YAML: {error}") from error
    gaps = list(_gaps(found, ""))
    if gaps:
        raise BundleError(f"'{file}' still has {GAP} at {', '.join(gaps)}; a person who knows must fill these")


def _gaps(value: object, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _gaps(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _gaps(inner, f"{place}[{number}]")
    elif value == GAP:
        yield place
