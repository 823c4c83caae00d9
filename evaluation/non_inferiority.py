"""Is a release at most a little worse than the champion, on cases that both were judged on?"""

from evaluation.comparison import compare_scored
from evaluation.evidence import Evidence, read_evidence
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
    mine, theirs = evidence.scores, read_evidence(champion).scores
    if mine is None or theirs is None or mine.cases_sha256 != theirs.cases_sha256:
        return None
    compared = compare_scored(mine.scored, theirs.scored, {"auroc": auroc, "auprc": auprc})
    return ComparisonReport(against="champion", digest=champion.digest, metrics=compared)
