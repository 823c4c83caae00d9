"""A risk as a CDS Hooks 2.0 card."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from ehr_io.codes import Words
from ehr_io.results.wording import ASSOCIATED, DEMONSTRATION, SHOWN_REASONS, clock, headline, reason_line
from ehr_io.risks import RiskReport

_OVERRIDE_SYSTEM = "https://varsel.example/override-reasons"
#: Why a clinician sets the card aside; a closed set, so that it can be counted.
OVERRIDE_REASONS = {
    "already-treated": Words(en="Already treated", da="Allerede i behandling"),
    "other-explanation": Words(en="Another explanation for the signs", da="Anden forklaring på tegnene"),
    "values-wrong": Words(en="The values behind it are wrong", da="Værdierne bag er forkerte"),
    "not-relevant": Words(en="Not relevant for this patient", da="Ikke relevant for denne patient"),
}
_WHY = Words(en="Why", da="Hvorfor")
_AS_OF = Words(en="As known", da="Som kendt")
_OPEN = Words(en="Open in Varsel", da="Åbn i Varsel")


def card(report: RiskReport, language: str, link: str = "") -> dict[str, Any]:
    """*report* as a card in *language* (``da`` or English); *link* is the absolute address of its page.

    The indicator is ``warning`` from the operating point on, else ``info``; never ``critical``, which is for an agreed
    list only. The uuid is the same each time the card of one result is made, so that feedback finds it.
    """
    made: dict[str, Any] = {
        "uuid": card_uuid(report.id),
        "summary": headline(report, language),
        "indicator": "warning" if report.is_raised else "info",
        "detail": _detail(report, language),
        "source": {"label": f"Varsel {report.model.label}"},
        "overrideReasons": [
            {"code": code, "system": _OVERRIDE_SYSTEM, "display": words.in_language(language)}
            for code, words in OVERRIDE_REASONS.items()
        ],
    }
    if link:
        made["links"] = [{"label": _OPEN.in_language(language), "url": link, "type": "absolute"}]
    return made


def card_uuid(result_id: str) -> str:
    """The uuid of the card of the result *result_id*."""
    return str(uuid5(NAMESPACE_URL, f"https://varsel.example/cards/{result_id}"))


def _detail(report: RiskReport, language: str) -> str:
    lines = [f"- {_escaped(reason_line(reason, language))}" for reason in report.reasons[:SHOWN_REASONS]]
    parts = [
        f"**{DEMONSTRATION.in_language(language)}**" if report.model.demonstration else "",
        f"**{_WHY.in_language(language)}**",
        "\n".join(lines),
        f"*{ASSOCIATED.in_language(language)}*",
        f"{_AS_OF.in_language(language)} {clock(report.as_of)}.",
    ]
    return "\n\n".join(part for part in parts if part)


def _escaped(text: str) -> str:
    """*text* without the letters that GitHub Flavored Markdown would read as markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text)
