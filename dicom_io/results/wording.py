"""What results say to people, in the language of the site."""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_io.findings import Outcome


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one language."""

    #: Stands on every picture and page.
    warning: str
    #: Mark of a release that is for demonstration.
    demonstration: str
    #: One image of a stack.
    slice: str
    #: Name of the group that tells the outcome.
    analysis: str
    #: Each of the four answers.
    outcomes: Mapping[Outcome, str]
    #: Why results were taken back, by the value of WithdrawalReason.
    withdrawals: Mapping[str, str]
    #: What a printed report calls its parts.
    parts: Mapping[str, str]


_ENGLISH = Words(
    warning="NOT FOR DIAGNOSIS",
    demonstration="DEMONSTRATION",
    slice="slice",
    analysis="AI analysis",
    outcomes={
        Outcome.FINDING: "Findings",
        Outcome.NO_FINDING: "No finding",
        Outcome.NOT_ANALYSED: "Not analysed",
        Outcome.FAILED: "Analysis failed",
    },
    withdrawals={
        "superseded": "these results were superseded by newer ones",
        "withdrawn": "these results were withdrawn after review",
        "patient_safety": "these results must not be used for this patient",
    },
    parts={
        "title": "AI analysis of an imaging study",
        "patient": "Patient",
        "study": "Study",
        "model": "Model",
        "time": "Time of analysis",
        "probability": "probability",
        "threshold": "threshold",
        "unverified": "Made by software, not verified by a physician.",
    },
)
_DANISH = Words(
    warning="IKKE TIL DIAGNOSE",
    demonstration="DEMONSTRATION",
    slice="snit",
    analysis="AI-analyse",
    outcomes={
        Outcome.FINDING: "Fund",
        Outcome.NO_FINDING: "Intet fund",
        Outcome.NOT_ANALYSED: "Ikke analyseret",
        Outcome.FAILED: "Analysen fejlede",
    },
    withdrawals={
        "superseded": "disse resultater er afløst af nyere",
        "withdrawn": "disse resultater er trukket tilbage efter gennemgang",
        "patient_safety": "disse resultater må ikke bruges for denne patient",
    },
    parts={
        "title": "AI-analyse af en billedundersøgelse",
        "patient": "Patient",
        "study": "Undersøgelse",
        "model": "Model",
        "time": "Analysetidspunkt",
        "probability": "sandsynlighed",
        "threshold": "tærskel",
        "unverified": "Lavet af software, ikke bekræftet af en læge.",
    },
)


def words_of(language: str) -> Words:
    """The words of *language*: Danish for ``da``, English otherwise."""
    return _DANISH if language == "da" else _ENGLISH
