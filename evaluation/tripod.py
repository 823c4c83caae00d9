"""The reporting items of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378) in our own words, filled in where we know.

What a release and its report can tell is filled in; the rest stays empty for people, visibly.
"""

from collections.abc import Callable
from dataclasses import dataclass

from evaluation.report import EvaluationReport
from evaluation.texts import Words
from models.manifest import InputLimits, Manifest, StayPreprocessing

#: Predictors that are named; of more than these the number is told.
_NAMED = 40


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


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What is known, and in whose words."""

    manifest: Manifest
    report: EvaluationReport
    words: Words

    def say(self, key: str, **values: object) -> str:
        return self.words(f"known_of.{key}").format(**values)


def tripod_items(manifest: Manifest, report: EvaluationReport, language: str = "en") -> tuple[Item, ...]:
    """The 27 items for the release of *manifest*, judged in *report*, in ``en`` or ``da``."""
    told = _Told(manifest=manifest, report=report, words=Words(language=language))
    return tuple(
        Item(
            number=number,
            section=told.words(f"section.{section}"),
            asked=told.words(f"question.{number}"),
            known=_KNOWN[number](told) if number in _KNOWN else "",
        )
        for number, section in enumerate(_SECTIONS, start=1)
    )


#: Section of each item, in the checklist's order.
_SECTIONS = (
    *("title", "abstract", "introduction", "introduction"),
    *("methods",) * 13,
    *("open_science", "patients_and_public"),
    *("results",) * 5,
    *("discussion",) * 3,
)


def _title(told: _Told) -> str:
    manifest = told.manifest
    return f"{manifest.name} {manifest.version}: {manifest.intended_use.in_language(told.words.language)}"


def _data(told: _Told) -> str:
    data = told.report.data
    return told.say(
        "data",
        trained_on=told.manifest.trained_on.in_language(told.words.language),
        source=told.words.sentence(data.source),
        part=told.words(f"part.{data.split}"),
    )


def _eligible(told: _Told) -> str:
    return told.say("eligible", limits=_limits(told, told.manifest.limits))


def _outcome(told: _Told) -> str:
    language = told.words.language
    labels = "; ".join(
        f"{one.text.in_language(language)} ({one.concept.scheme} {one.concept.value})" for one in told.manifest.labels
    )
    spec = told.manifest.preprocessing
    horizon = spec.horizon_hours if isinstance(spec, StayPreprocessing) else None
    return f"{labels}; {told.say('horizon', hours=horizon)}" if horizon else labels


def _predictors(told: _Told) -> str:
    spec = told.manifest.preprocessing
    if not isinstance(spec, StayPreprocessing):
        return told.say("image")
    shown = ", ".join(feature.text.in_language(told.words.language) for feature in spec.features[:_NAMED])
    count = len(spec.features)
    more = told.say("more", count=count - _NAMED) if count > _NAMED else ""
    return told.say("predictors", count=count, shown=shown, more=more)


def _sample(told: _Told) -> str:
    return told.say("sample", positives=told.report.positives, cases=told.report.cases)


def _missing(told: _Told) -> str:
    return told.say("missing") if isinstance(told.manifest.preprocessing, StayPreprocessing) else ""


def _analysis(told: _Told) -> str:
    return told.say("analysis", metrics=", ".join(map(told.words, told.report.metrics)))


def _fairness(told: _Told) -> str:
    groups = sorted({told.words(one.group) for one in told.report.subgroups})
    return told.say("fairness", groups=", ".join(groups)) if groups else ""


def _output(told: _Told) -> str:
    said = [(one.text.in_language(told.words.language), one.threshold) for one in told.manifest.labels]
    return told.say("output", thresholds=", ".join(f"{label} {threshold:g}" for label, threshold in said))


def _open(told: _Told) -> str:
    provenance = told.manifest.provenance
    return told.say("open", commit=provenance.git_commit or told.words("unknown"), data=provenance.data_sha256)


def _participants(told: _Told) -> str:
    report = told.report
    return told.say(
        "participants",
        patients=report.patients,
        cases=report.cases,
        positives=report.positives,
        prevalence=report.prevalence,
    )


def _model(told: _Told) -> str:
    digest = told.report.digest[:12] or told.say("in_preparation")
    return told.say("model", digest=digest, files=len(told.manifest.files))


def _performance(told: _Told) -> str:
    shown = [
        f"{told.words(name)} {one.value:.3f} ({one.lower:.3f} {told.words('to')} {one.upper:.3f})"
        for name, one in told.report.metrics.items()
        if one.value is not None and one.lower is not None and one.upper is not None
    ]
    judged = sum(not one.too_few for one in told.report.subgroups)
    return told.say("performance", metrics="; ".join(shown), groups=judged)


def _limitations(told: _Told) -> str:
    return told.say("limitations", gaps="; ".join(map(told.words.sentence, told.report.not_examined)))


def _practice(told: _Told) -> str:
    return told.say("practice_demonstration" if told.manifest.demonstration else "practice")


def _limits(told: _Told, limits: InputLimits) -> str:
    youngest, oldest = limits.age_years
    kinds = (*limits.modalities, *limits.body_parts, *limits.view_positions)
    return ", ".join((*kinds, told.say("age", youngest=youngest, oldest=oldest)))


_KNOWN: dict[int, Callable[[_Told], str]] = {
    1: _title,
    4: lambda told: told.say("aims"),
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
