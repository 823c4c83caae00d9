"""The evidence inside a release, which its digest covers, read as values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from evaluation.card import ModelCard, load_card
from evaluation.case_scores import CaseScores, load_scores
from evaluation.errors import EvaluationError
from evaluation.mask_scores import MaskScores, load_mask_scores
from evaluation.parity import ParityReport, load_parity
from evaluation.report import EvaluationReport, load_report
from evaluation.safety import SafetyReport, load_safety
from models.bundle import Floor
from models.errors import ReleaseError
from models.release import Release

_FLOORS = TypeAdapter(tuple[Floor, ...])
_Read = TypeVar("_Read")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a release brings to be judged by; None where the file is not there."""

    #: Network against graph.
    parity: ParityReport | None
    #: The graph on the test split.
    evaluation: EvaluationReport | None
    #: What the evaluation must reach.
    floors: tuple[Floor, ...]
    #: The graph on the safety corpus.
    safety: SafetyReport | None
    #: The card for machines.
    card: ModelCard | None
    #: The card for people; empty when there is none.
    page: str
    #: Scores of each test case; None also where the task has none.
    scores: CaseScores | None
    #: Scores of each test volume's masks; None also where the task has none.
    mask_scores: MaskScores | None


@checked_dataclass(frozen=True, kw_only=True)
class _Sources:
    """Of the data manifest, what it was made from."""

    #: Name -> SHA-256 of each file of the source.
    files: dict[str, str] = field(default_factory=dict)


_SOURCES = TypeAdapter(_Sources)


def read_evidence(release: Release) -> Evidence:
    """The evidence of *release*.

    Raises:
        ReleaseError: a file is there but cannot be read.
    """
    folder = release.path / "evidence"
    return Evidence(
        parity=_read(folder / "parity.json", load_parity),
        evaluation=_read(folder / "evaluation.json", load_report),
        floors=_read(folder / "floors.json", _FLOORS.validate_json) or (),
        safety=_read(folder / "safety.json", load_safety),
        card=_read(release.path / "model_card.json", load_card),
        page=_read(release.path / "model_card.md", bytes.decode) or "",
        scores=_read(folder / "test_scores.npz", load_scores),
        mask_scores=_read(folder / "test_mask_scores.npz", load_mask_scores),
    )


def source_digests(release: Release) -> frozenset[str]:
    """SHA-256 of each file that *release* was made from, test part included; empty where nobody noted them.

    Raises:
        ReleaseError: its data manifest is there but cannot be read.
    """
    found = _read(release.path / "evidence" / "data.json", _SOURCES.validate_json)
    return frozenset() if found is None else frozenset(found.files.values())


def dump_floors(floors: tuple[Floor, ...]) -> bytes:
    """The JSON of *floors*, as kept in a release's evidence."""
    return _FLOORS.dump_json(floors, indent=2) + b"\n"


def _read(path: Path, load: Callable[[bytes], _Read]) -> _Read | None:
    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError, EvaluationError) as error:
        raise ReleaseError(f"'{path}' cannot be read as evidence: {error}; package the run again") from error
