"""The gates of a promotion: each looks at the evidence inside the release, which its digest covers.

A champion needs all of them, a challenger (which runs unheard) parity, safety and card.
"""

from collections.abc import Callable, Iterator, Mapping

from evaluation.card import missing_parts
from evaluation.decision import Candidacy, Gate, GateResult, PromotionDecision
from evaluation.evidence import Evidence, read_evidence
from evaluation.number_gates import calibration, floors, non_inferior, subgroups
from models.registry import Alias


def judge(candidacy: Candidacy) -> PromotionDecision:
    """Judge a release by the evidence inside it.

    Raises:
        ReleaseError: evidence is there but cannot be read.
    """
    evidence = read_evidence(candidacy.release)
    results = [result for gate in _DEMANDED[candidacy.alias] for result in _RULES[gate](candidacy, evidence)]
    return PromotionDecision(digest=candidacy.release.digest, gates=tuple(results))


def _reproducible(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    del evidence
    made, gate = candidacy.release.manifest.provenance, Gate.REPRODUCIBLE
    changes = {True: "uncommitted changes", False: "nothing uncommitted", None: "unknown whether anything uncommitted"}
    found = f"commit {made.git_commit[:12] or 'unknown'}, {changes[made.uncommitted_changes]}"
    clean = bool(made.git_commit) and made.uncommitted_changes is False
    yield GateResult(gate=gate, demand="trained by committed code", met=clean, found=found)
    data = candidacy.release.manifest.files.get("evidence/data.json", "")
    known = data == made.data_sha256
    found = f"seed {made.seed}, data {made.data_sha256[:12]}, evidence/data.json {data[:12] or 'missing'}"
    yield GateResult(gate=gate, demand="seed and data set by its manifest", met=known, found=found)
    listed = candidacy.release.manifest.files.get("evidence/environment.txt", "")
    found = listed[:12] or "evidence/environment.txt missing"
    met = bool(listed) and listed == made.environment_sha256
    yield GateResult(gate=gate, demand="list of the installed packages", met=met, found=found)


def _parity(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    del candidacy
    demand, parity = "parity of network and graph", evidence.parity
    if parity is None:
        yield GateResult(gate=Gate.PARITY, demand=demand, met=False, found="evidence/parity.json missing")
        return
    worst = max((tensor.tolerance_used for tensor in parity.tensors), default=0.0)
    found = f"{parity.cases} cases, {worst:.3g} of the tolerance used"
    yield GateResult(gate=Gate.PARITY, demand=demand, met=parity.passed, found=found)
    said = parity.findings
    found = "not compared" if said is None else f"{said.alike} of {said.cases} cases alike"
    met = said is not None and said.passed
    yield GateResult(gate=Gate.PARITY, demand="the same finding by network and served graph", met=met, found=found)


def _safety(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    del candidacy
    demand, safety = "sane answers on the safety corpus", evidence.safety
    if safety is None:
        yield GateResult(gate=Gate.SAFETY, demand=demand, met=False, found="evidence/safety.json missing")
        return
    failed = "; ".join(f"{check.name}: {check.found}" for check in safety.checks if not check.passed)
    yield GateResult(gate=Gate.SAFETY, demand=demand, met=safety.passed, found=failed or f"{len(safety.checks)} held")


def _card(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    files = ("model_card.md", "model_card.json", "LICENSE", "data_license.txt")
    missing = [name for name in files if name not in candidacy.release.manifest.files]
    if evidence.card is not None:
        missing.extend(missing_parts(evidence.card, evidence.page))
    found = f"missing: {', '.join(missing)}" if missing else "complete"
    yield GateResult(gate=Gate.CARD, demand="a complete model card and licences", met=not missing, found=found)


def _approver(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    del evidence
    author, approver = candidacy.release.manifest.provenance.author.strip(), candidacy.approver.strip()
    met = bool(author) and bool(approver) and author.casefold() != approver.casefold()
    found = f"trained by {author or 'nobody knows whom'}, approved by {approver or 'nobody'}"
    yield GateResult(gate=Gate.APPROVER, demand="an approver who is not the author", met=met, found=found)


_Rule = Callable[[Candidacy, Evidence], Iterator[GateResult]]
_RULES: Mapping[Gate, _Rule] = {
    Gate.REPRODUCIBLE: _reproducible,
    Gate.PARITY: _parity,
    Gate.FLOORS: floors,
    Gate.NON_INFERIOR: non_inferior,
    Gate.CALIBRATION: calibration,
    Gate.SUBGROUPS: subgroups,
    Gate.SAFETY: _safety,
    Gate.CARD: _card,
    Gate.APPROVER: _approver,
}
_DEMANDED: Mapping[Alias, tuple[Gate, ...]] = {
    Alias.CHAMPION: tuple(Gate),
    Alias.CHALLENGER: (Gate.PARITY, Gate.SAFETY, Gate.CARD),
}
