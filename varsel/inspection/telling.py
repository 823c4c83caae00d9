"""An explanation as sentences, in Danish or English. Reasons are told as the log and the pages tell them."""

from collections.abc import Iterator
from typing import Literal

from dicom_io.study import SpacingBasis
from varsel.inspection.explanation import (
    Explanation,
    RouteExplanation,
    SeriesExplanation,
    SeriesKind,
    StudyExplanation,
    Verdict,
)

Language = Literal["da", "en"]

_WORDS: dict[str, tuple[str, str]] = {
    "refused": ("afvises ved modtagelsen", "refused at the door"),
    "study": ("Undersøgelse", "Study"),
    "series": ("Serie", "Series"),
    "no_body_part": ("uden angivet kropsdel", "no body part given"),
    SeriesKind.VOLUME: ("en hel stak snit", "one regular stack of slices"),
    SeriesKind.BROKEN_VOLUME: ("snit, der ikke kan bruges som én stak", "slices that form no usable stack"),
    SeriesKind.IMAGES: ("enkeltbilleder", "single images"),
    SeriesKind.NO_PIXELS: ("ingen billeder (rapport, kurve eller plan)", "no images (a report, waveform or plan)"),
    "contents": (
        "objekter: {instances}, billeder: {frames}, {sizes}, {photometric}; {syntaxes}",
        "objects: {instances}, images: {frames}, {sizes}, {photometric}; {syntaxes}",
    ),
    "stack": (
        "{slices} snit, {z:.2f} mm mellem snit, {y:.2f} x {x:.2f} mm pr. pixel, fra billede {first} til {last}",
        "{slices} slices, {z:.2f} mm apart, {y:.2f} x {x:.2f} mm a pixel, from image {first} to {last}",
    ),
    "left_out": ("billeder, der ikke hører til stakken: {count}", "images that are no part of the stack: {count}"),
    "phases": (
        "{count} faser eller rekonstruktioner på samme sted; den første af de længste læses",
        "{count} phases or reconstructions at the same place; the first of the longest is read",
    ),
    "lossy": ("komprimeret med tab: fine detaljer kan mangle", "compressed with loss: fine detail may be missing"),
    SpacingBasis.PATIENT: ("mål i mm gælder i patienten", "millimetres hold in the patient"),
    SpacingBasis.CALIBRATED: ("mål i mm er kalibreret til patienten", "millimetres are calibrated to the patient"),
    SpacingBasis.DETECTOR: (
        "mål i mm gælder på detektoren: patientens mål er mindre",
        "millimetres hold at the detector: the patient's are fewer",
    ),
    SpacingBasis.UNKNOWN: ("ingen pixelafstand: intet kan måles i mm", "no pixel spacing: nothing is said in mm"),
    "problem": ("kan ikke læses: {reason}", "cannot be read: {reason}"),
    "no_rule": (
        "Ingen regel gælder for undersøgelsen: den arkiveres kun.",
        "No rule takes the study: it is only kept.",
    ),
    Verdict.ANALYSED: (
        "Regel '{rule}': {model} {version} læser undersøgelsen.",
        "Rule '{rule}': {model} {version} would read the study.",
    ),
    Verdict.NOT_ANALYSED: (
        "Regel '{rule}': {model} {version} svarer 'ikke analyseret': {reasons}",
        "Rule '{rule}': {model} {version} would answer 'not analysed': {reasons}",
    ),
    Verdict.NO_RELEASE: (
        "Regel '{rule}': ingen udgave af {model} er installeret: {reasons}",
        "Rule '{rule}': no release of {model} is installed: {reasons}",
    ),
    "nothing": ("Ingen filer.", "No files."),
}


def tell(explanation: Explanation, language: Language) -> Iterator[str]:
    """The lines to print, each with its indentation."""
    if not explanation.refused and not explanation.studies:
        yield _word("nothing", language)
    for fault in explanation.refused:
        yield f"{fault.path}: {_word('refused', language)}: {fault.reason}"
    for study in explanation.studies:
        yield from _tell_study(study, language)


def _tell_study(study: StudyExplanation, language: Language) -> Iterator[str]:
    yield f"{_word('study', language)} {study.study_instance_uid}"
    if study.fault:
        yield f"  {study.fault}"
        return
    for series in study.series:
        yield from (f"  {line}" for line in _tell_series(series, language))
    for route in study.routes:
        yield f"  {_tell_route(route, language)}"
    if not study.routes:
        yield f"  {_word('no_rule', language)}"


def _tell_series(series: SeriesExplanation, language: Language) -> Iterator[str]:
    body_part = series.body_part or _word("no_body_part", language)
    title = ", ".join(part for part in (series.modality or "?", body_part, series.description) if part)
    yield f"{_word('series', language)} {series.series_instance_uid} ({title}): {_word(series.kind, language)}"
    if series.kind is SeriesKind.NO_PIXELS:
        return
    yield "  " + _word("contents", language).format(
        instances=series.instances,
        frames=series.frames,
        sizes=", ".join(series.sizes),
        photometric=", ".join(series.photometric_interpretations),
        syntaxes=", ".join(series.transfer_syntaxes),
    )
    yield from (f"  {line}" for line in _tell_stack(series, language))
    yield f"  {_word(series.spacing_basis, language)}"
    if series.is_lossy:
        yield f"  {_word('lossy', language)}"
    for problem in series.problems:
        yield "  " + _word("problem", language).format(reason=problem)


def _tell_stack(series: SeriesExplanation, language: Language) -> Iterator[str]:
    stack = series.stack
    if stack is None:
        return
    z, y, x = stack.spacing_mm
    yield _word("stack", language).format(slices=stack.slices, z=z, y=y, x=x, first=stack.first, last=stack.last)
    if stack.left_out:
        yield _word("left_out", language).format(count=stack.left_out)
    if stack.phases > 1:
        yield _word("phases", language).format(count=stack.phases)


def _tell_route(route: RouteExplanation, language: Language) -> str:
    return _word(route.verdict, language).format(
        rule=route.rule, model=route.model, version=route.version, reasons="; ".join(route.reasons)
    )


def _word(key: str, language: Language) -> str:
    danish, english = _WORDS[key]
    return danish if language == "da" else english
