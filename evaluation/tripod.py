"""The reporting items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378) in our own words, filled in where we know.

What a release and its report can tell is filled in; the rest stays empty for people, visibly.
"""

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.report import EvaluationReport
from models.manifest import InputLimits, Manifest, StayPreprocessing


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of the checklist."""

    #: 1 to 27.
    number: int
    #: Section of a paper that it belongs to.
    section: str
    #: What is asked.
    asked: str
    #: What is known; empty where a person must say.
    known: str


def tripod_items(manifest: Manifest, report: EvaluationReport) -> tuple[Item, ...]:
    """The 27 items for the release of *manifest*, judged in *report*."""
    return tuple(
        Item(number=number, section=section, asked=asked, known=_KNOWN.get(number, _nothing)(manifest, report))
        for number, (section, asked) in enumerate(_ASKED, start=1)
    )


#: Section, and what is asked, in the checklist's order.
_ASKED = (
    ("Title", "Says that a prediction model is developed or judged, for whom and for which outcome"),
    ("Abstract", "Summary by the checklist for abstracts"),
    ("Introduction", "Setting, why the model is needed, whom it serves, known differences in health between groups"),
    ("Introduction", "Aims: development, evaluation, or both"),
    ("Methods", "Sources of the data, why they represent those it is meant for, dates"),
    ("Methods", "Setting and number of centres, who was eligible, treatments received"),
    ("Methods", "How the data were prepared and their quality checked, the same for all groups"),
    ("Methods", "The outcome, its time horizon, who judged it and whether they knew the predictors"),
    ("Methods", "The predictors, how and when they were measured"),
    ("Methods", "Why the sample is large enough"),
    ("Methods", "Missing data and how they were handled"),
    ("Methods", "Analysis: how data were divided, kind of model, tuning, how performance was measured, updating"),
    ("Methods", "Class imbalance: what was done and how calibration was kept"),
    ("Methods", "Fairness: what was done and why"),
    ("Methods", "What the model says, and how thresholds were chosen"),
    ("Methods", "Differences between the data of development and of evaluation"),
    ("Methods", "Ethical approval and consent"),
    ("Open science", "Funding, interests, protocol, registration, and where data and code are"),
    ("Patients and public", "How patients and public took part, or that they did not"),
    ("Results", "Flow and characteristics of the participants, with and without the outcome"),
    ("Results", "Participants and events in each analysis"),
    ("Results", "The full model, so that others can predict and judge"),
    ("Results", "Performance with intervals, also in subgroups"),
    ("Results", "Results of updating the model"),
    ("Discussion", "What the results mean, also for fairness, against earlier work"),
    ("Discussion", "Limits: unrepresentative samples, size, overfitting, missing data"),
    ("Discussion", "Use in practice: poor or missing inputs, who must act, next steps"),
)


def _nothing(manifest: Manifest, report: EvaluationReport) -> str:
    del manifest, report
    return ""


def _title(manifest: Manifest, _: EvaluationReport) -> str:
    return f"{manifest.name} {manifest.version}: {manifest.intended_use.en}"


def _data(manifest: Manifest, report: EvaluationReport) -> str:
    return (
        f"Development: {manifest.trained_on.en} Evaluation: {report.data.source}, part '{report.data.split}'. "
        "Dates: not known."
    )


def _eligible(manifest: Manifest, _: EvaluationReport) -> str:
    return f"Applied only within: {_limits(manifest.limits)}. Centres and treatments: not known."


def _outcome(manifest: Manifest, _: EvaluationReport) -> str:
    labels = "; ".join(f"{one.text.en} ({one.concept.scheme} {one.concept.value})" for one in manifest.labels)
    horizon = manifest.preprocessing.horizon_hours if isinstance(manifest.preprocessing, StayPreprocessing) else None
    return labels + (f"; within {horizon:g} h" if horizon else "")


def _predictors(manifest: Manifest, _: EvaluationReport) -> str:
    spec = manifest.preprocessing
    if not isinstance(spec, StayPreprocessing):
        return f"The {spec.kind} itself, prepared as the manifest says."
    shown = ", ".join(feature.text.en for feature in spec.features[:40])
    more = f", and {len(spec.features) - 40} more" if len(spec.features) > 40 else ""
    return f"{len(spec.features)}, as known at the moment of prediction: {shown}{more}."


def _sample(_: Manifest, report: EvaluationReport) -> str:
    return f"{report.positives} positive among {report.cases} cases were judged. Reasoning on size: not known."


def _missing(manifest: Manifest, _: EvaluationReport) -> str:
    if isinstance(manifest.preprocessing, StayPreprocessing):
        return "A value that was not measured stays missing in the model's input; nothing is filled in."
    return ""


def _analysis(_: Manifest, report: EvaluationReport) -> str:
    return (
        f"No patient is in two parts of the data. Judged by {', '.join(report.metrics)}; intervals by drawing patients "
        "with replacement, 1000 times, 2.5th and 97.5th percentile."
    )


def _fairness(_: Manifest, report: EvaluationReport) -> str:
    groups = sorted({one.group for one in report.subgroups})
    return f"Judged apart by {', '.join(groups)}. Methods beyond that: not known." if groups else ""


def _output(manifest: Manifest, _: EvaluationReport) -> str:
    return "Probabilities; said from " + ", ".join(f"{one.key} {one.threshold:g}" for one in manifest.labels) + "."


def _open(manifest: Manifest, _: EvaluationReport) -> str:
    commit = manifest.provenance.git_commit or "not known"
    data = manifest.provenance.data_sha256
    return f"Code: commit {commit}; training data: SHA-256 {data}. Funding and protocol: not known."


def _participants(_: Manifest, report: EvaluationReport) -> str:
    return f"{report.patients} patients, {report.cases} cases, {report.positives} positive ({report.prevalence:.1%})."


def _model(manifest: Manifest, report: EvaluationReport) -> str:
    return f"The ONNX graph of release {report.digest[:12] or 'in preparation'}, {len(manifest.files)} files."


def _performance(_: Manifest, report: EvaluationReport) -> str:
    shown = [
        f"{name} {one.value:.3f} ({one.lower:.3f} to {one.upper:.3f})"
        for name, one in report.metrics.items()
        if one.value is not None and one.lower is not None and one.upper is not None
    ]
    return "; ".join(shown) + f"; {sum(not one.too_few for one in report.subgroups)} subgroups apart."


def _limitations(_: Manifest, report: EvaluationReport) -> str:
    return "Not examined: " + "; ".join(report.not_examined) + "."


def _practice(manifest: Manifest, _: EvaluationReport) -> str:
    return "A case outside the limits of use is not analysed, and the answer says why." + (
        " A demonstration, not for use on patients." if manifest.demonstration else ""
    )


def _limits(limits: InputLimits) -> str:
    kinds = ", ".join((*limits.modalities, *limits.body_parts, *limits.view_positions))
    return f"{kinds + ', ' if kinds else ''}age {limits.age_years[0]:g} to {limits.age_years[1]:g} years"


_KNOWN: dict[int, Callable[[Manifest, EvaluationReport], str]] = {
    1: _title,
    4: lambda *_: "Development and evaluation.",
    5: _data,
    6: _eligible,
    8: _outcome,
    9: _predictors,
    10: _sample,
    11: _missing,
    12: _analysis,
    14: _fairness,
    15: _output,
    18: _open,
    20: _participants,
    21: _participants,
    22: _model,
    23: _performance,
    26: _limitations,
    27: _practice,
}
