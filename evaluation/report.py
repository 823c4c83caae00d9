"""What an evaluation found: one frozen value, and its JSON.

``metrics["auroc"]`` has value, lower and upper: the number with its 95 % interval by patient; ``labels["bacterial"]``
holds the same for each further label of the model; ``not_examined`` says in words what nobody looked at.
"""

from collections.abc import Mapping
from enum import Enum

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from evaluation.comparison import Comparison

_STRICT = ConfigDict(extra="forbid", ser_json_inf_nan="null")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class MetricValue:
    """One number with its 95 % interval by patient."""

    #: The number; None where it is not defined on these cases.
    value: float | None
    #: Lower end of the interval.
    lower: float | None
    #: Upper end of the interval.
    upper: float | None
    #: Why the number, or its interval, is not defined; empty when both are.
    reason: str = ""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DataFacts:
    """What was judged on."""

    #: What it is and where it comes from, for people; no path.
    source: str
    #: SHA-256 of the data: of its manifest, or of the names and digests in ``files``.
    sha256: str
    #: Which part: ``test``, ``validation``, ``train`` or ``all``.
    split: str
    #: SHA-256 of each file read, by its name within the data set; empty where the manifest names them.
    files: dict[str, str]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class LabelReport:
    """How well one further label is told."""

    #: Cases whose truth is known, patients among them, and positive cases.
    cases: int
    patients: int
    positives: int
    #: Share of positive cases.
    prevalence: float
    #: The operating point, 0 to 1.
    threshold: float
    #: The numbers by name.
    metrics: dict[str, MetricValue]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Curves:
    """Points of curves, in columns of equal length by name; a name is absent where the task has no such curve.

    ``roc``: false_positive_rate, true_positive_rate. ``precision_recall``: recall, precision.
    ``calibration``: predicted, observed, lower, upper, cases. ``decision``: threshold, net_benefit, lower, upper,
    treat_all. ``scores``: from, to, positives, negatives. ``froc``: false_positives_per_case, sensitivity, lower,
    upper.
    """

    roc: dict[str, tuple[float, ...]] | None = None
    precision_recall: dict[str, tuple[float, ...]] | None = None
    calibration: dict[str, tuple[float | None, ...]] | None = None
    decision: dict[str, tuple[float | None, ...]] | None = None
    scores: dict[str, tuple[float, ...]] | None = None
    froc: dict[str, tuple[float | None, ...]] | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Subgroup:
    """How good the model is for some of the patients."""

    #: What divides them, e.g. ``sex``.
    group: str
    #: Which of them, e.g. ``F``.
    value: str
    #: Cases, patients among them, and positive cases.
    cases: int
    patients: int
    positives: int
    #: Whether there are too few patients, positive or negative, to say anything; ``metrics`` is empty then.
    too_few: bool
    #: The numbers by name.
    metrics: dict[str, MetricValue]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Gap:
    """The largest difference of one number between the subgroups of one division."""

    #: What divides them.
    group: str
    #: Which number.
    metric: str
    #: Highest minus lowest.
    difference: float
    #: Where it is lowest and where it is highest.
    lowest: str
    highest: str


class FailureKind(Enum):
    """How a case was judged wrongly."""

    #: Not said although true.
    FALSE_NEGATIVE = "false_negative"
    #: Said although not true.
    FALSE_POSITIVE = "false_positive"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Failure:
    """One of the most confident errors."""

    #: What a person can find the case by in the source; no identity.
    key: str
    #: How it was wrong.
    kind: FailureKind
    #: What the model said, 0 to 1.
    probability: float


class AlertPolicy(Enum):
    """When a risk becomes an alert."""

    #: Every hour at or above the operating point.
    EVERY_HOUR = "every_hour"
    #: The first hour at or above the operating point, then silence for ``refractory_hours``.
    THEN_SILENT = "then_silent"
    #: As before, at the threshold at which a tenth of these stays are flagged: no threshold to choose, a comparison.
    TENTH_FLAGGED = "tenth_flagged"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class AlertBurden:
    """What a ward would hear if the risks were alerts under one policy."""

    #: When it alerts.
    policy: AlertPolicy
    #: Probability from which it alerts.
    threshold: float
    #: Hours without a further alert for the same stay; 0 = every hour at or above the threshold alerts.
    refractory_hours: float
    #: Alerts an hour watched, times 2400.
    alerts_per_100_patient_days: MetricValue
    #: Share of stays with an alert, 0 to 1.
    flagged: MetricValue
    #: Share of the flagged stays that become positive.
    ppv_per_patient: MetricValue
    #: Share of the positive stays with an alert up to the onset.
    sensitivity_per_patient: MetricValue
    #: Hours from the first alert to the onset among those: quartiles; None where there are none.
    lead_hours_quartiles: tuple[float, float, float] | None


class Check(Enum):
    """Ways in which a data set can tell more than it should (leakage)."""

    #: One patient in two splits.
    PATIENT_IN_TWO_SPLITS = "patient_in_two_splits"
    #: The same input in two splits.
    SAME_INPUT_IN_TWO_SPLITS = "same_input_in_two_splits"
    #: One feature, or that it was measured, separates alone.
    ONE_FEATURE_SEPARATES = "one_feature_separates"
    #: A feature of the first hour tells what only later hours can know.
    FUTURE_IN_FIRST_HOUR = "future_in_first_hour"
    #: A feature counts down, as time to an event does.
    FEATURE_COUNTS_DOWN = "feature_counts_down"
    #: File names or the order of the cases tell the label.
    NAME_TELLS_LABEL = "name_tells_label"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Finding:
    """One leakage check and what it found."""

    #: Which.
    check: Check
    #: Whether a person must look before the numbers are believed.
    suspicious: bool
    #: What was found, in a sentence.
    found: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ComparisonReport:
    """This release minus another one on the same cases."""

    #: Alias or short digest of the other.
    against: str
    #: SHA-256 of the other.
    digest: str
    #: The differences by metric.
    metrics: dict[str, Comparison]


class Chosen(Enum):
    """How the release that was judged was found."""

    #: By the name that was asked for.
    NAMED = "named"
    #: A champion was asked for and the site has none: the release that ships with Varsel.
    SHIPPED = "shipped"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class EvaluationReport:
    """How good a model is on cases that it was not trained or calibrated on; the first label's numbers on top."""

    #: Bundle name.
    model: str
    #: Bundle version.
    version: str
    #: SHA-256 of the release; empty where a graph is judged before it is one.
    digest: str
    #: What was judged on.
    data: DataFacts
    #: Key of the label that ``metrics`` speak of.
    label: str
    #: Cases whose truth is known, patients among them, and positive cases.
    cases: int
    patients: int
    positives: int
    #: Share of positive cases.
    prevalence: float
    #: The operating point, 0 to 1.
    threshold: float
    #: The numbers by name.
    metrics: dict[str, MetricValue]
    #: The further labels, by key.
    labels: dict[str, LabelReport]
    #: Curves of the first label.
    curves: Curves
    #: Subgroups of the first label.
    subgroups: tuple[Subgroup, ...]
    #: Largest differences between subgroups.
    gaps: tuple[Gap, ...]
    #: The most confident errors, worst first.
    failures: tuple[Failure, ...]
    #: Alert burden by policy; empty where the cases have no hours.
    alerts: tuple[AlertBurden, ...]
    #: Against another release; None where none was asked for.
    comparison: ComparisonReport | None
    #: Leakage checks.
    findings: tuple[Finding, ...]
    #: What was not examined, in words.
    not_examined: tuple[str, ...]
    #: How the release was found.
    chosen: Chosen = Chosen.NAMED

    def metric(self, name: str) -> MetricValue | None:
        """The metric called *name*, or None."""
        return self.metrics.get(name)


_REPORT = TypeAdapter(EvaluationReport)


def dump_report(report: EvaluationReport) -> bytes:
    """The JSON of *report*."""
    return _REPORT.dump_json(report, indent=2) + b"\n"


def load_report(data: bytes) -> EvaluationReport:
    """The report in JSON *data*.

    Raises:
        ValidationError: it is no such report.
    """
    return _REPORT.validate_json(data)


def defined(metrics: Mapping[str, MetricValue]) -> dict[str, float]:
    """The values in *metrics* that are defined."""
    return {name: metric.value for name, metric in metrics.items() if metric.value is not None}
