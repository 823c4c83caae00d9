"""The sentences of risk results, Danish and English."""

from datetime import datetime
from zoneinfo import ZoneInfo

from ehr_io.codes import Words
from ehr_io.risks import RiskReason, RiskReport

#: More reasons than this are not read.
SHOWN_REASONS = 5
_WARD_CLOCK = ZoneInfo("Europe/Copenhagen")
_UNITS = {
    "Cel": Words(en="°C", da="°C"),
    "mm[Hg]": Words(en="mmHg", da="mmHg"),
    "/min": Words(en="/min", da="/min"),
    "10*9/L": Words(en="×10⁹/l", da="×10⁹/l"),
    "umol/L": Words(en="µmol/l", da="µmol/l"),
    "mg/L": Words(en="mg/l", da="mg/l"),
    "a": Words(en="years", da="år"),
    "h": Words(en="h", da="timer"),
}
NOT_MEASURED = Words(en="not measured", da="ikke målt")
DEMONSTRATION = Words(
    en="DEMONSTRATION on synthetic data. Not for use on patients.",
    da="DEMONSTRATION på syntetiske data. Må ikke bruges på patienter.",
)
ASSOCIATED = Words(
    en="The reasons are what the model associates with the risk; they are no proof of a cause.",
    da="Begrundelserne er det, modellen forbinder med risikoen; de er intet bevis for en årsag.",
)
_RAISES = Words(en="raises the risk", da="øger risikoen")
_LOWERS = Words(en="lowers the risk", da="sænker risikoen")
_USUAL = Words(en="usual", da="normalt")
_YES = Words(en="yes", da="ja")
_NO = Words(en="no", da="nej")


def percent(report: RiskReport, language: str) -> str:
    """The probability as whole percent; never 0 or 100, which would claim certainty."""
    if report.probability < 0.01:
        return "<1 %" if language == "da" else "<1%"
    whole = min(99, round(100 * report.probability))
    return f"{whole} %" if language == "da" else f"{whole}%"


def headline(report: RiskReport, language: str) -> str:
    """One sentence: what, how likely, within what time; under 140 characters."""
    share, what = percent(report, language), report.outcome_text.in_language(language)
    hours = f"{report.horizon_hours:.0f}"
    words = Words(
        en=f"{share} risk of {_lowered(what)} within {hours} h",
        da=f"{share} risiko for {_lowered(what)} inden for {hours} timer",
    )
    return words.in_language(language)[:139]


def reason_line(reason: RiskReason, language: str) -> str:
    """One reason: name, value with time and usual range, direction."""
    direction = (_RAISES if reason.contribution > 0 else _LOWERS).in_language(language)
    return f"{reason.text.in_language(language)}: {value_text(reason, language)} – {direction}"


def value_text(reason: RiskReason, language: str) -> str:
    """The value with unit, time and usual range, or that it was not measured."""
    if reason.value is None:
        return NOT_MEASURED.in_language(language)
    if not reason.unit:
        return (_YES if reason.value >= 0.5 else _NO).in_language(language)
    shown = f"{_number(reason.value, language)} {unit_words(reason.unit, language)}"
    if reason.reference_range is not None:
        low, high = (_number(limit, language) for limit in reason.reference_range)
        shown += f" ({_USUAL.in_language(language)} {low}–{high})"
    return shown if reason.measured_at is None else f"{shown}, {clock(reason.measured_at)}"


def unit_words(unit: str, language: str) -> str:
    """A UCUM *unit* as people write it."""
    return _UNITS[unit].in_language(language) if unit in _UNITS else unit


def clock(moment: datetime) -> str:
    """*moment* as the ward's own clock shows it: ISO 8601, without seconds."""
    return f"{moment.astimezone(_WARD_CLOCK):%Y-%m-%d %H:%M}"


def _number(value: float, language: str) -> str:
    digits = f"{value:.1f}".removesuffix(".0")
    return digits.replace(".", ",") if language == "da" else digits


def _lowered(what: str) -> str:
    return what[:1].lower() + what[1:]
