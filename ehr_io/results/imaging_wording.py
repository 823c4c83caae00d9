"""What people read in a message about an imaging result, Danish and English."""

from ehr_io.codes import Words
from ehr_io.results.imaging_result import Answer, ImagingResult

_ANSWERS = {
    Answer.FINDING: Words(en="AI finding", da="AI-fund"),
    Answer.NO_FINDING: Words(en="AI: analysed, nothing found", da="AI: analyseret, intet fundet"),
    Answer.NOT_ANALYSED: Words(en="AI: not analysed", da="AI: ikke analyseret"),
}
_WITHDRAWN = Words(
    en="The earlier AI result is withdrawn; disregard it.",
    da="Det tidligere AI-svar er trukket tilbage; se bort fra det.",
)
_UNVERIFIED = Words(
    en="Made by artificial intelligence, not verified by a person.",
    da="Udarbejdet af kunstig intelligens, ikke bekræftet af et menneske.",
)
_DEMONSTRATION = Words(
    en="Demonstration model: not for use on patients.", da="Demonstrationsmodel: må ikke bruges til patienter."
)


def headline(result: ImagingResult) -> str:
    """The answer in one line."""
    said = _ANSWERS[result.answer].in_language(result.language)
    if result.answer is Answer.FINDING:
        return f"{said}: " + "; ".join(f"{one.text} {one.probability:.2f}" for one in result.findings)
    return f"{said}: {result.reason}" if result.reason else said


def withdrawn(reason: str, language: str) -> str:
    """What is said of an answer that is taken back."""
    return f"{_WITHDRAWN.in_language(language)} {reason}".strip()


def caveats(result: ImagingResult) -> tuple[str, ...]:
    """What stands beside every answer."""
    warnings = (_UNVERIFIED, _DEMONSTRATION) if result.model.demonstration else (_UNVERIFIED,)
    return (*(words.in_language(result.language) for words in warnings), result.model.label)
