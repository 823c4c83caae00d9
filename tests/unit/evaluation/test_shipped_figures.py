"""docs/models.md says of each shipped release what the evidence inside it says, and what the gates say of it."""

import re
from pathlib import Path

import pytest

from evaluation.decision import Candidacy
from evaluation.evidence import read_evidence, source_digests
from evaluation.gate import judge
from models.folder_store import shipped_releases
from models.registry import Alias
from models.release import open_release

ROOT = Path(__file__).parents[3]
_PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
_FIGURE = re.compile(r"(\d+\.\d+) \((\d+\.\d+) to (\d+\.\d+)\)")


def cells_of(path: Path) -> list[str]:
    """The row of the table that links to the release at *path*."""
    link = f"(../models/releases/{path.parent.name}/{path.name}/model_card.md)"
    (row,) = [line for line in _PAGE.splitlines() if link in line]
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("path", shipped_releases(), ids=lambda path: path.parent.name)
def test_every_figure_of_the_page_stands_in_the_evidence(path: Path):
    evaluation = read_evidence(open_release(path)).evaluation
    assert evaluation is not None
    known = [(one.value, one.lower, one.upper) for one in evaluation.metrics.values() if one.value is not None]
    told = _FIGURE.findall(cells_of(path)[3])
    assert told
    for figure in told:
        digits = len(figure[0].partition(".")[2])
        assert figure in [tuple(f"{number:.{digits}f}" for number in one) for one in known], figure


@pytest.mark.parametrize("path", shipped_releases(), ids=lambda path: path.parent.name)
def test_the_page_says_who_may_be_champion(path: Path):
    decision = judge(Candidacy(release=open_release(path), alias=Alias.CHAMPION, approver="somebody else"))
    assert cells_of(path)[4].partition(":")[0] == ("yes" if decision.allowed else "no"), decision.reasons


def test_a_release_made_from_files_names_them_and_one_of_drawn_cases_names_none():
    found = {path.parent.name: source_digests(open_release(path)) for path in shipped_releases()}
    assert {name for name, digests in found.items() if not digests} == {
        "chest_xray_opacity",
        "ct_lung_nodule",
        "infection_urinary",
    }
    (development,) = found["infection_sepsis"]
    assert re.fullmatch("[0-9a-f]{64}", development)
