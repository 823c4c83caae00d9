"""A model card as one value: what ``model_card.json`` holds and what ``model_card.md`` is written from.

Mitchell et al., Model Cards for Model Reporting, FAT* 2019; ``applied_model_card`` bears the element names of the CHAI
Applied Model Card v0.1 (https://github.com/coalition-for-health-ai/mc-schema). What nobody knows stays visibly empty.
"""

from collections.abc import Iterator
from enum import Enum

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from evaluation.report import DataFacts, Gap, MetricValue, Subgroup
from models.manifest import Task, Text
from models.provenance import Provenance

_STRICT = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class Section(Enum):
    """The headings that every card has, in order."""

    USE = "Intended use"
    SAYS = "What it says"
    DATA = "Data"
    QUALITY = "How good it is"
    SUBGROUPS = "Subgroups"
    NOT_EXAMINED = "What was not examined"
    EVIDENCE = "Evidence"
    ORIGIN = "Where it comes from"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class OperatingPoint:
    """From which probability one label is said."""

    #: Key of the label.
    label: str
    #: What people read.
    text: Text
    #: Its code and scheme, e.g. ``233604007 SCT``.
    code: str
    #: Probability, 0 to 1.
    threshold: float
    #: How it was chosen; empty when nobody said.
    rule: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class CardData:
    """What the model was trained on and may be used under."""

    #: What it was trained on.
    trained_on: Text
    #: SHA-256 of the data set's manifest, ``evidence/data.json``.
    sha256: str
    #: Source, authors and licence of the data, as in ``data_license.txt``.
    attribution: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Quality:
    """What the evaluation found; the whole of it is ``evidence/evaluation.json``."""

    #: What was judged on.
    data: DataFacts
    #: Key of the label that the numbers speak of.
    label: str
    #: Cases, patients among them, positive cases.
    cases: int
    patients: int
    positives: int
    #: The numbers by name, with 95 % intervals by patient.
    metrics: dict[str, MetricValue]
    #: For some of the patients.
    subgroups: tuple[Subgroup, ...]
    #: Largest differences between subgroups.
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelCard:
    """What people and machines must know before they use a release."""

    #: Bundle name and version.
    name: str
    version: str
    #: What kind of answer it gives.
    task: Task
    #: A demonstration must not be used on patients.
    demonstration: bool
    #: What it may be used for.
    intended_use: Text
    #: The conditions of use, one a line.
    limits: tuple[str, ...]
    #: What it can say, and from when.
    operating_points: tuple[OperatingPoint, ...]
    #: What it was trained on.
    data: CardData
    #: How good it is.
    quality: Quality
    #: What nobody looked at.
    not_examined: tuple[str, ...]
    #: Files of the release that prove what the card says.
    evidence: tuple[str, ...]
    #: Where it comes from.
    provenance: Provenance
    #: CHAI element -> text.
    applied_model_card: dict[str, dict[str, str]]


_CARD = TypeAdapter(ModelCard)


def dump_card(card: ModelCard) -> bytes:
    """The JSON of *card*."""
    return _CARD.dump_json(card, indent=2) + b"\n"


def load_card(data: bytes) -> ModelCard:
    """The card in JSON *data*.

    Raises:
        ValidationError: it is no such card.
    """
    return _CARD.validate_json(data)


def missing_parts(card: ModelCard, markdown: str) -> tuple[str, ...]:
    """What a complete card has and this one, or its page *markdown*, has not."""
    return tuple(_missing(card, markdown))


def _missing(card: ModelCard, markdown: str) -> Iterator[str]:
    lines = {line.strip() for line in markdown.splitlines()}
    yield from (f"section '{section.value}'" for section in Section if f"## {section.value}" not in lines)
    needed = {
        "intended use": card.intended_use.en,
        "conditions of use": card.limits,
        "operating points": card.operating_points,
        "description of the training data": card.data.trained_on.en,
        "attribution and licence of the data": card.data.attribution,
        "numbers": card.quality.metrics,
        "what was not examined": card.not_examined,
    }
    yield from (name for name, value in needed.items() if not value)
    under_title = markdown.partition("\n# ")[2].partition("\n\n")[2].partition("\n\n")[0]
    if card.demonstration and "demonstration" not in under_title.lower():
        yield "the words, right under the title, that it is a demonstration"
