"""What came of a case, compared with what must come of it. Deciding only; nothing is fetched or printed here."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from varsel.case_status import CaseStatus, RefusalStatus
from varsel.demo.case import Answer, DemoCase
from varsel.demo.places import touches
from varsel.demo.words import Words


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one case."""

    #: What was sent.
    case: DemoCase
    #: What came of it.
    answer: Answer
    #: The work item; None when there is none.
    status: CaseStatus | None
    #: Code and words of the refusal or of the reason; empty when there is none.
    reason_code: str
    reason: str
    #: Its result objects that the PACS says it holds.
    held: AbstractSet[str]
    #: What is not as it must be, a sentence each; empty when all is.
    faults: tuple[str, ...]


def judge(
    case: DemoCase, status: CaseStatus | None, refusal: RefusalStatus | None, held: AbstractSet[str], words: Words
) -> Result:
    """Compare what is known of *case* with what is expected."""
    said = status or refusal
    result = Result(
        case=case,
        answer=_answer(status, refusal),
        status=status,
        reason_code=said.reason_code if said else "",
        reason=said.reason if said else "",
        held=held,
        faults=(),
    )
    return Result(**{**vars(result), "faults": tuple(_faults(result, words))})


def _answer(status: CaseStatus | None, refusal: RefusalStatus | None) -> Answer:
    if status is not None:
        return Answer(status.outcome) if status.is_over and status.outcome else Answer.NONE
    return Answer.NONE if refusal is None else Answer.REFUSED


def _faults(result: Result, words: Words) -> list[str]:
    expected, status = result.case.expected, result.status
    faults = []
    if result.answer is Answer.NONE:
        faults.append(words.answers[Answer.NONE.value])
    elif expected.answers and result.answer not in expected.answers:
        required = ", ".join(sorted(words.answers[answer.value] for answer in expected.answers))
        faults.append(words.wrong_answer.format(found=words.answers[result.answer.value], required=required))
    elif expected.reason_codes and result.reason_code not in expected.reason_codes:
        required = ", ".join(sorted(expected.reason_codes))
        faults.append(words.wrong_reason.format(found=result.reason_code, required=required))
    if expected.truth and result.answer is Answer.FINDING and not (status and touches(status, expected.truth)):
        faults.append(words.wrong_place)
    if expected.has_risk and (status is None or status.risk is None):
        faults.append(words.no_risk)
    missing = [one for one in (status.objects if status else ()) if one.sop_instance_uid not in result.held]
    if missing:
        faults.append(words.not_stored.format(count=len(missing)))
    return faults
