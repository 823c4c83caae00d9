"""What a release must pass before it speaks to clinicians; each refusal says why."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from evaluation.comparison import Comparison
from evaluation.decision import Candidacy, Gate, PromotionDecision
from evaluation.evidence import dump_floors
from evaluation.gate import judge
from evaluation.report import ComparisonReport, Subgroup, dump_report
from evaluation.safety import SafetyCheck, SafetyReport, dump_safety
from models.bundle import Floor
from models.errors import ReleaseError
from models.registry import Alias
from models.release import Release
from tests.factories.candidates import (
    APPROVER,
    AUTHOR,
    a_report,
    a_subgroup,
    make_candidate,
    parity,
    scores,
    value,
    without,
)


def decide(release: Release, alias: Alias = Alias.CHAMPION, **changes: object) -> PromotionDecision:
    return judge(Candidacy(**{"release": release, "alias": alias, "approver": APPROVER} | changes))  # type: ignore[arg-type]


def refusals(decision: PromotionDecision) -> list[Gate]:
    return [result.gate for result in decision.gates if not result.met]


def test_a_release_with_all_its_evidence_may_be_champion(tmp_path: Path):
    decision = decide(make_candidate(tmp_path))
    assert decision.reasons == ()
    assert decision.allowed
    assert {result.gate for result in decision.gates} == set(Gate)


REFUSED: Mapping[str, tuple[Mapping[str, bytes | None], Gate, str]] = {
    "parity fails": ({"evidence/parity.json": parity(0.01)}, Gate.PARITY, "of the tolerance used"),
    "findings never compared": ({"evidence/parity.json": parity(alike=None)}, Gate.PARITY, "found: not compared"),
    "another finding": ({"evidence/parity.json": parity(alike=0)}, Gate.PARITY, "0 of 1 cases alike"),
    "no parity": ({"evidence/parity.json": None}, Gate.PARITY, "parity.json missing"),
    "lower end below the floor": (
        {"evidence/evaluation.json": dump_report(a_report({"auroc": value(0.79, 0.9, 0.95)}))},
        Gate.FLOORS,
        "auroc of at least 0.8 (lower end of its 95 % interval) is demanded, found: 0.790",
    ),
    "upper end above the ceiling": (
        {"evidence/floors.json": dump_floors((Floor(metric="auroc", at_most=0.9),))},
        Gate.FLOORS,
        "auroc of at most 0.9 (upper end of its 95 % interval) is demanded, found: 0.930",
    ),
    "floor not measured": (
        {"evidence/floors.json": dump_floors((Floor(metric="dice", at_least=0.1),))},
        Gate.FLOORS,
        "found: not measured",
    ),
    "no floor": ({"evidence/floors.json": dump_floors(())}, Gate.FLOORS, "at least one floor"),
    "too extreme risks": (
        {"evidence/evaluation.json": dump_report(a_report({"calibration_slope": value(0.4, 0.5, 0.6)}))},
        Gate.CALIBRATION,
        "calibration_slope between 0.8 and 1.25 (some part of its 95 % interval) is demanded, found: 0.500",
    ),
    "calibration not measured": (
        {"evidence/evaluation.json": without(dump_report(a_report()), "calibration_intercept")},
        Gate.CALIBRATION,
        "calibration_intercept between",
    ),
    "unsafe": (
        {
            "evidence/safety.json": dump_safety(
                SafetyReport(checks=(SafetyCheck(name="nothing measured", passed=False, found="not finite"),))
            )
        },
        Gate.SAFETY,
        "nothing measured: not finite",
    ),
    "no safety corpus": ({"evidence/safety.json": None}, Gate.SAFETY, "safety.json missing"),
    "no card": ({"model_card.md": None, "model_card.json": None}, Gate.CARD, "missing: model_card.md, model_card.json"),
    "card without sections": ({"model_card.md": b"# infection_urinary\n"}, Gate.CARD, "section 'Intended use'"),
    "no licence of the data": ({"data_license.txt": None}, Gate.CARD, "data_license.txt"),
    "no list of packages": ({"evidence/environment.txt": None}, Gate.REPRODUCIBLE, "environment.txt missing"),
    "another data set": ({"evidence/data.json": b"[]"}, Gate.REPRODUCIBLE, "seed and data set"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_release_is_refused_with_a_reason_to_act_on(tmp_path: Path, case: str):
    files, gate, words = REFUSED[case]
    decision = decide(make_candidate(tmp_path, files=files))
    assert not decision.allowed
    assert set(refusals(decision)) == {gate}
    assert words in "; ".join(decision.reasons)


def test_a_release_that_was_never_judged_is_refused(tmp_path: Path):
    decision = decide(make_candidate(tmp_path, files={"evidence/evaluation.json": None}))
    assert set(refusals(decision)) == {Gate.FLOORS, Gate.CALIBRATION}


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"uncommitted_changes": True}, "uncommitted changes"),
        ({"uncommitted_changes": None}, "unknown whether anything uncommitted"),
        ({"git_commit": ""}, "commit unknown"),
    ],
)
def test_code_that_nobody_can_find_again_makes_no_champion(
    tmp_path: Path, provenance: Mapping[str, object], words: str
):
    decision = decide(make_candidate(tmp_path, provenance=provenance))
    assert refusals(decision) == [Gate.REPRODUCIBLE]
    assert words in decision.reasons[0]


@pytest.mark.parametrize("approver", [AUTHOR, AUTHOR.upper(), f" {AUTHOR} ", "", "  "])
def test_the_author_does_not_approve_and_nobody_does_neither(tmp_path: Path, approver: str):
    decision = decide(make_candidate(tmp_path), approver=approver)
    assert refusals(decision) == [Gate.APPROVER]
    assert f"trained by {AUTHOR}" in decision.reasons[0]


def test_an_unknown_author_could_be_anybody(tmp_path: Path):
    decision = decide(make_candidate(tmp_path, provenance={"author": ""}))
    assert refusals(decision) == [Gate.APPROVER]


def with_subgroups(*groups: Subgroup) -> Mapping[str, bytes]:
    return {"evidence/evaluation.json": dump_report(a_report(subgroups=groups))}


BROKEN = {
    "below the floor": a_subgroup("sex", "F", value(0.6, 0.7, 0.79)),
    "far below all": a_subgroup("sex", "F", value(0.72, 0.79, 0.85)),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_broken_subgroup_is_refused_and_named(tmp_path: Path, case: str):
    decision = decide(make_candidate(tmp_path, files=with_subgroups(BROKEN[case])))
    assert refusals(decision) == [Gate.SUBGROUPS]
    assert "sex F has auroc" in decision.reasons[0]
    assert "on 100 cases" in decision.reasons[0]


HOLDING = {
    "as good": a_subgroup("sex", "F", value(0.85, 0.9, 0.94)),
    "a little worse": a_subgroup("sex", "F", value(0.74, 0.83, 0.89)),
    "wide": a_subgroup("sex", "F", value(0.5, 0.75, 0.95)),
    "too few to say": a_subgroup("sex", "F", value(0.1, 0.2, 0.3), too_few=True),
}


@pytest.mark.parametrize("case", sorted(HOLDING))
def test_a_subgroup_that_is_not_shown_to_be_worse_holds(tmp_path: Path, case: str):
    assert decide(make_candidate(tmp_path, files=with_subgroups(HOLDING[case]))).allowed


def test_a_worse_model_does_not_replace_the_champion(tmp_path: Path):
    champion = make_candidate(tmp_path)
    worse = make_candidate(tmp_path, version="0.2.0", files={"evidence/test_scores.npz": scores(noise=4.0)})
    decision = decide(worse, holder=champion)
    assert refusals(decision) == [Gate.NON_INFERIOR]
    assert "auroc at most 0.02 below the champion's on the same cases" in decision.reasons[0]
    assert decide(champion, holder=worse).allowed, "the better one may replace the worse one"


def test_an_equal_model_may_replace_the_champion(tmp_path: Path):
    champion, equal = make_candidate(tmp_path), make_candidate(tmp_path, version="0.2.0")
    assert decide(equal, holder=champion).allowed


def test_without_common_cases_the_way_out_is_told(tmp_path: Path):
    champion = make_candidate(tmp_path)
    other = make_candidate(tmp_path, version="0.2.0", files={"evidence/test_scores.npz": None})
    decision = decide(other, holder=champion)
    assert refusals(decision) == [Gate.NON_INFERIOR]
    assert "varsel evaluate with --against champion" in decision.reasons[0]


def compared_with(digest: str, lower: float) -> ComparisonReport:
    found = Comparison(metric="auroc", difference=0.0, lower=lower, upper=0.03)
    return ComparisonReport(against="champion", digest=digest, metrics={"auroc": found})


def test_a_comparison_made_later_counts_for_the_champion_it_was_made_with(tmp_path: Path):
    champion = make_candidate(tmp_path)
    other = make_candidate(tmp_path, version="0.2.0", files={"evidence/test_scores.npz": None})
    assert decide(other, holder=champion, comparison=compared_with(champion.digest, -0.01)).allowed
    assert not decide(other, holder=champion, comparison=compared_with(champion.digest, -0.03)).allowed
    assert not decide(other, holder=champion, comparison=compared_with("f" * 64, -0.01)).allowed


def test_a_challenger_needs_parity_safety_and_card_alone(tmp_path: Path):
    poor = make_candidate(
        tmp_path,
        files={"evidence/evaluation.json": dump_report(a_report({"auroc": value(0.4, 0.5, 0.6)}))},
        provenance={"uncommitted_changes": True},
    )
    decision = decide(poor, Alias.CHALLENGER, approver=AUTHOR)
    assert decision.allowed
    assert {result.gate for result in decision.gates} == {Gate.PARITY, Gate.SAFETY, Gate.CARD}


def test_evidence_that_cannot_be_read_is_named(tmp_path: Path):
    release = make_candidate(tmp_path, files={"evidence/evaluation.json": b"{}"})
    with pytest.raises(ReleaseError, match=r"evaluation.json' cannot be read as evidence"):
        decide(release)
    release = make_candidate(tmp_path, version="0.2.0", files={"evidence/test_scores.npz": b"no zip"})
    with pytest.raises(ReleaseError, match=r"test_scores.npz' cannot be read"):
        decide(release)
