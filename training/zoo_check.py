"""Every rule that a zoo bundle must meet before it can be served, each with what was found."""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from models.errors import ModelError
from training.errors import TrainingError
from training.zoo import ZooBundle
from training.zoo_clinical import placeholder_clinical
from training.zoo_parity import demand_shapes, try_as_served
from training.zoo_recipe import read_recipe


class Verdict(Enum):
    """Whether a rule is met."""

    #: It is.
    MET = "met"
    #: It is not.
    NOT_MET = "NOT MET"
    #: An earlier rule must be met first.
    NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """One rule and what was found."""

    #: What is demanded.
    demand: str
    #: Whether it is met.
    verdict: Verdict
    #: What was found; where it is not met, also what to do.
    found: str


def check_bundle(zoo: ZooBundle) -> Iterator[RuleResult]:
    """Each rule in turn; those that need the bundle's code to be run say so when it is not trusted."""
    told: set[str] = set()
    for demand, rule in _RULES.items():
        try:
            yield RuleResult(demand=demand, verdict=Verdict.MET, found=rule(zoo))
        except (TrainingError, ModelError) as error:
            # Rules build on each other: the same fault again is told once.
            known = str(error) in told
            told.add(str(error))
            found = "see above" if known else str(error)
            yield RuleResult(demand=demand, verdict=Verdict.NOT_LOOKED_AT if known else Verdict.NOT_MET, found=found)


def _metadata(zoo: ZooBundle) -> str:
    return f"{zoo.metadata.get('name', zoo.name)} {zoo.metadata['version']}"


def _weights(zoo: ZooBundle) -> str:
    count = sum(tensor.numel() for tensor in zoo.weights.values())
    return f"{zoo.checkpoint.name}: {len(zoo.weights)} tensors, {count} numbers"


def _licence(zoo: ZooBundle) -> str:
    return f"{zoo.licence.name}; {zoo.attribution.splitlines()[0]}"


def _network(zoo: ZooBundle) -> str:
    return type(zoo.network).__name__


def _recipe(zoo: ZooBundle) -> str:
    recipe = read_recipe(zoo)
    spec = recipe.preprocessing
    return (
        f"{recipe.axcodes}, spacing {spec.spacing_mm} mm, {spec.window_hu[0]:g} to {spec.window_hu[1]:g}, windows "
        f"{spec.roi} (z, y, x); {recipe.activation.value}; says {', '.join(recipe.labels)}"
    )


def _shapes(zoo: ZooBundle) -> str:
    return demand_shapes(zoo, read_recipe(zoo))


def _parity(zoo: ZooBundle) -> str:
    recipe = read_recipe(zoo)
    with tempfile.TemporaryDirectory() as directory:
        trial = try_as_served(zoo, recipe, placeholder_clinical(recipe), Path(directory))
    worst = max(tensor.tolerance_used for tensor in trial.parity.tensors)
    told = ", ".join(
        f"{key} {'both empty' if math.isnan(value) else f'{value:.3f}'}" for key, value in trial.agreement.items()
    )
    return f"{worst:.3g} of the tolerance used; masks by its own inferer and as served, Dice: {told}"


_RULES: Mapping[str, Callable[[ZooBundle], str]] = {
    "metadata.json follows the zoo's rules": _metadata,
    "a licence, and the source of its data": _licence,
    "weights that are nothing but weights": _weights,
    "network_def resolves and takes the weights": _network,
    "serving can do what its inference config does": _recipe,
    "the network takes and gives what metadata.json says": _shapes,
    "the exported graph says what the network says": _parity,
}
