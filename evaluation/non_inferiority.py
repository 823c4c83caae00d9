"""Is a release at most a little worse than the champion, on cases that both were judged on?"""

from evaluation.case_scores import CaseScores
from evaluation.comparison import Comparison, compare_scored
from evaluation.evidence import Evidence, read_evidence
from evaluation.mask_scores import MaskScores, compare_masks
from evaluation.metrics import auprc, auroc
from evaluation.report import ComparisonReport
from models.release import Release

#: How much worse the unfavourable end of the paired interval may be.
NON_INFERIORITY_MARGIN = 0.02


def compare_releases(evidence: Evidence, champion: Release) -> ComparisonReport | None:
    """The stored test scores of both, paired by patient; None when they are not of the same cases.

    Raises:
        ReleaseError: the champion's evidence cannot be read.
    """
    holder = read_evidence(champion)
    metrics = _compared_cases(evidence.scores, holder.scores) or _compared_masks(
        evidence.mask_scores, holder.mask_scores
    )
    return ComparisonReport(against="champion", digest=champion.digest, metrics=metrics) if metrics else None


def _compared_cases(mine: CaseScores | None, theirs: CaseScores | None) -> dict[str, Comparison]:
    if mine is None or theirs is None or mine.cases_sha256 != theirs.cases_sha256:
        return {}
    return compare_scored(mine.scored, theirs.scored, {"auroc": auroc, "auprc": auprc})


def _compared_masks(mine: MaskScores | None, theirs: MaskScores | None) -> dict[str, Comparison]:
    if mine is None or theirs is None or mine.cases_sha256 != theirs.cases_sha256:
        return {}
    return compare_masks(mine, theirs)
