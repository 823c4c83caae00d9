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
)


def words_of(language: str) -> Words:
    """The words of *language*: Danish for ``da``, English otherwise."""
    return _DANISH if language == "da" else _ENGLISH
