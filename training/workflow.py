"""A bundle's train.yaml as MONAI's workflow, built so that it says which part of the file is at fault."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from monai.bundle import ConfigWorkflow
from monai.bundle.properties import TrainProperties
from monai.utils import BundlePropertyConfig

from models.bundle import Bundle
from training.errors import RunError, TrainingError
from training.parallel import Place

#: What every training needs, in the order in which it is built: the first that fails is nearest to the fault.
_NEEDED = ("network_def", "train_dataset", "val_dataset", "trainer", "evaluator")
#: What building a part of a config ends in; MONAI turns errors of expressions and classes into RuntimeError.
_UNRESOLVED = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, ImportError, OSError, SystemExit)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained, on what, and where it writes."""

    #: The bundle.
    bundle: Bundle
    #: Its data set.
    dataset_dir: Path
    #: Where checkpoints go.
    output_dir: Path
    #: Config ids and their values, as on MONAI's command line.
    overrides: Mapping[str, object] = field(default_factory=dict)


def read_config(recipe: Recipe) -> ConfigWorkflow:
    """The workflow of *recipe*, read and overridden but with nothing built yet.

    Raises:
        RunError: train.yaml cannot be read, an override names nothing in it, or is no number where one is.
    """
    file = recipe.bundle.config("train.yaml")
    try:
        workflow = ConfigWorkflow(
            config_file=str(file),
            meta_file=str(recipe.bundle.config("metadata.json")),
            # The caller's logging stays as it is.
            logging_file=False,
            workflow_type="train",
            bundle_root=str(recipe.bundle.path),
            dataset_dir=str(recipe.dataset_dir),
            output_dir=str(recipe.output_dir),
        )
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise RunError(f"'{file}' cannot be read: {_first_line(error)}") from error
    for key, value in recipe.overrides.items():
        _demand_known(workflow, key, file)
        _demand_number(workflow, key, value, file)
        workflow.parser.set(value, key)
    return workflow


def build(workflow: ConfigWorkflow, bundle: Bundle, place: Place) -> None:
    """Initialise *workflow* and build its trainer and evaluator, for this process at *place*.

    Raises:
        RunError: an id of train.yaml does not resolve.
        TrainingError: what the config calls says so itself, e.g. of its data.
    """
    file = bundle.config("train.yaml")
    place.share_out(workflow.parser)
    _use_bfloat16(workflow)
    try:
        resolve("initialize", file, workflow.initialize)
    except RunError:
        # It refers to other parts; one that fails alone is nearer to the fault.
        _build_parts(workflow, file)
        raise
    _build_parts(workflow, file)


def _build_parts(workflow: ConfigWorkflow, file: Path) -> None:
    for name in _NEEDED:
        if resolve(_id_of(name), file, partial(getattr, workflow, name)) is None:
            needed = ", ".join(_id_of(one) for one in _NEEDED)
            raise RunError(f"'{file}' has no '{_id_of(name)}'; training needs {needed}")


def _demand_known(workflow: ConfigWorkflow, key: str, file: Path) -> None:
    top = re.split("::|#", key, maxsplit=1)[0]
    known = [str(one) for one in workflow.parser.get()]
    if top not in known:
        near = get_close_matches(top, known, n=1) or ["max_epochs"]
        raise RunError(f"'{key}' names nothing in '{file}'; did you mean '{near[0]}'?")


def _demand_number(workflow: ConfigWorkflow, key: str, value: object, file: Path) -> None:
    """See that a number is replaced by a number; an expression or a reference of the config is for MONAI to resolve."""
    present = workflow.parser.get(key)
    if not isinstance(present, int | float) or isinstance(value, int | float):
        return
    if not (isinstance(value, str) and value.startswith(("$", "@"))):
        raise RunError(f"'{key}' is {present} in '{file}', found '{value}' in its place; required is a number")


def resolve(id_: str, file: Path, make: Callable[[], Any]) -> Any:
    """What *make* builds of the part *id_* of the config *file*.

    Raises:
        RunError: the part does not resolve; says the chain of reasons.
        TrainingError: what the config calls says so itself.
    """
    try:
        return make()
    except _UNRESOLVED as error:
        raise_told(error)
        reasons = " <- ".join(dict.fromkeys(_first_line(cause) for cause in causes_of(error)))
        raise RunError(f"'{id_}' in '{file}' does not resolve: {reasons}; see the bundle's config") from error


def raise_told(error: BaseException) -> None:
    """Raise the error of ours that MONAI wrapped into *error*, if there is one."""
    for cause in causes_of(error):
        if isinstance(cause, TrainingError):
            raise cause from None


def causes_of(error: BaseException) -> tuple[BaseException, ...]:
    """*error* and what each was raised from: expressions of a config wrap what happens in them."""
    found = [error]
    while found[-1].__cause__ is not None:
        found.append(found[-1].__cause__)
    return tuple(found)


def _first_line(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it ends the program"
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def _id_of(name: str) -> str:
    return str(TrainProperties[name][BundlePropertyConfig.ID])


def _use_bfloat16(workflow: ConfigWorkflow) -> None:
    """Let mixed precision, where a bundle asks for it, be bfloat16 on a GPU that has it: it needs no loss scale."""
    if not (torch.cuda.is_available() and torch.cuda.is_bf16_supported()):
        return
    for engine in ("train::trainer", "validate::evaluator"):
        if engine in workflow.parser:
            kwargs = {"dtype": "$torch.bfloat16", **(workflow.parser.get(f"{engine}::amp_kwargs", {}) or {})}
            workflow.parser.set(kwargs, f"{engine}::amp_kwargs")
