"""The gates that look at what the evaluation measured. Bounds that a bundle does not state itself stand here."""

from collections.abc import Iterator, Mapping

from evaluation.decision import Candidacy, Gate, GateResult
from evaluation.evidence import Evidence
from evaluation.non_inferiority import NON_INFERIORITY_MARGIN, compare_releases
from evaluation.report import ComparisonReport, MetricValue, Subgroup
from models.bundle import Floor
from models.manifest import Task
from models.release import Release

#: Calibration is refused when the interval lies wholly outside: risks then are too extreme or too timid by a quarter
#: in log-odds, or off by a factor of 1.35 in the odds (Van Calster et al., J Clin Epidemiol 2016;74:167).
CALIBRATION_BOUNDS: Mapping[str, tuple[float, float]] = {
    "calibration_slope": (0.8, 1.25),
    "calibration_intercept": (-0.3, 0.3),
}
#: A subgroup may lie this far below all cases; more, and with an interval that excludes the value of all, is broken.
SUBGROUP_GAP = 0.1


def floors(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    """Every floor of the bundle, by the unfavourable end of the interval."""
    del candidacy
    floors = evidence.floors
    found = f"{len(floors)} in the bundle"
    yield GateResult(gate=Gate.FLOORS, demand="at least one floor", met=bool(floors), found=found)
    for floor in floors:
        yield from _one_floor(floor, _metric(evidence, floor.metric))


def _one_floor(floor: Floor, metric: MetricValue | None) -> Iterator[GateResult]:
    lower, upper = (metric.lower, metric.upper) if metric else (None, None)
    if floor.at_least is not None:
        met = lower is not None and lower >= floor.at_least
        demand = f"{floor.metric} of at least {floor.at_least:g} (lower end of its 95 % interval)"
        yield GateResult(gate=Gate.FLOORS, demand=demand, met=met, found=_number(lower))
    if floor.at_most is not None:
        met = upper is not None and upper <= floor.at_most
        demand = f"{floor.metric} of at most {floor.at_most:g} (upper end of its 95 % interval)"
        yield GateResult(gate=Gate.FLOORS, demand=demand, met=met, found=_number(upper))


def non_inferior(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    """Not worse than the champion by more than the margin, on the same cases."""
    champion = candidacy.holder
    metric = next((floor.metric for floor in evidence.floors if floor.at_least is not None), "auroc")
    met, found = True, "no other champion yet"
    if champion is not None and champion.digest != candidacy.release.digest:
        met, found = _compared(candidacy.comparison or compare_releases(evidence, champion), metric, champion)
    demand = f"{metric} at most {NON_INFERIORITY_MARGIN:g} below the champion's on the same cases"
    yield GateResult(gate=Gate.NON_INFERIOR, demand=demand, met=met, found=found)


def _compared(compared: ComparisonReport | None, metric: str, champion: Release) -> tuple[bool, str]:
    """Whether the champion's place may be taken, and what was found."""
    if compared is None:
        way_out = "run varsel evaluate with --against champion and give its report.json with --comparison"
        return False, f"no cases that both were judged on; {way_out}"
    if compared.digest != champion.digest:
        return False, f"a comparison with {compared.digest[:12]}, champion is {champion.short_digest}"
    one = compared.metrics.get(metric)
    if one is None:
        return False, f"a comparison without {metric}"
    found = f"{_number(one.difference)} ({_number(one.lower)} to {_number(one.upper)}) against the champion"
    return one.non_inferior(NON_INFERIORITY_MARGIN), found


def calibration(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    """Slope and intercept not shown to be outside their bounds; masks have none."""
    if candidacy.release.manifest.task is Task.VOLUME_SEGMENTATION:
        return
    for name, (low, high) in CALIBRATION_BOUNDS.items():
        metric = _metric(evidence, name)
        demand = f"{name} between {low:g} and {high:g} (some part of its 95 % interval)"
        if metric is None:
            yield GateResult(gate=Gate.CALIBRATION, demand=demand, met=False, found="not measured")
        elif metric.lower is None or metric.upper is None:
            found = f"not defined on these cases ({metric.reason or 'no reason given'})"
            yield GateResult(gate=Gate.CALIBRATION, demand=demand, met=True, found=found)
        else:
            met = metric.lower <= high and metric.upper >= low
            yield GateResult(gate=Gate.CALIBRATION, demand=demand, met=met, found=_interval(metric))


def subgroups(candidacy: Candidacy, evidence: Evidence) -> Iterator[GateResult]:
    """No subgroup with enough cases is shown to be below the floor, or far below all cases."""
    del candidacy
    groups = evidence.evaluation.subgroups if evidence.evaluation else ()
    judged = [group for group in groups if not group.too_few]
    broken = [told for group in judged for floor in evidence.floors if (told := _broken(group, floor, evidence))]
    demand = f"every subgroup with enough cases not shown to be below its floor, nor {SUBGROUP_GAP:g} below all"
    found = "; ".join(broken) or f"{len(judged)} subgroups with enough cases, none of them shown to be worse"
    yield GateResult(gate=Gate.SUBGROUPS, demand=demand, met=not broken, found=found)


def _broken(group: Subgroup, floor: Floor, evidence: Evidence) -> str:
    """What is wrong with *group*; empty when nothing is shown to be."""
    metric, overall = group.metrics.get(floor.metric), _metric(evidence, floor.metric)
    if metric is None or metric.value is None or metric.upper is None or floor.at_least is None:
        return ""
    everybody = overall.value if overall and overall.value is not None else metric.value
    is_far_below = everybody - metric.value > SUBGROUP_GAP and metric.upper < everybody
    if metric.upper >= floor.at_least and not is_far_below:
        return ""
    told = f"{floor.metric} {_interval(metric)} on {group.cases} cases, {_number(everybody)} on all"
    return f"{group.group} {group.value} has {told}"


def _metric(evidence: Evidence, name: str) -> MetricValue | None:
    return evidence.evaluation.metric(name) if evidence.evaluation else None


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _interval(metric: MetricValue) -> str:
    return f"{_number(metric.value)} ({_number(metric.lower)} to {_number(metric.upper)})"
