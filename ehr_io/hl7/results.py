"""ORU^R01 (HL7 v2.5.1 chapter 7): measurements, laboratory values and cultures; preliminary, final, corrected."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ehr_io.codes import Coding, Concept
from ehr_io.errors import ContradictionError
from ehr_io.events import Event, EventKind
from ehr_io.hl7.amounts import amount
from ehr_io.hl7.context import MessageContext, refuse_second
from ehr_io.hl7.message import Segment
from ehr_io.receive.fields import FUTURE_TOLERANCE, is_id, shown
from ehr_io.receive.reading import RefusalCode, RefusedError, ResourceRefusal
from ehr_io.told import Telling, Told

#: OBX-11 and OBR-25 (HL7 tables 0085 and 0123) that withdraw: deleted, wrong, cannot be obtained.
_WITHDRAWN = {"D", "W", "X"}
#: Nothing is known yet: in process, scheduled, not asked for.
_NOT_YET = {"I", "O", "S", "N", "U"}
#: Something is known: in part, appended to, corrected, final, preliminary, not verified, verified.
_KNOWN = {"A", "B", "C", "F", "P", "R", "V"}
#: Of these, more is to come.
_PRELIMINARY = {"A", "P", "R"}
_CORRECTED = "C"
_STATUSES, _SILENT = _KNOWN | _NOT_YET | _WITHDRAWN, _NOT_YET | _WITHDRAWN
_COLONY_COUNT = "colony_count"
_LONGEST_CODE, _KEPT_ORGANISMS = 18, 6


@dataclass(kw_only=True)
class _Order:
    """One OBR with the OBX that follow it."""

    #: OBR.
    request: Segment
    #: OBX by their place in the message.
    results: list[tuple[int, Segment]] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The name of what it tells as a whole.

        Raises:
            RefusedError: it bears no number.
        """
        found = shown(self.request.text(3)) or shown(self.request.text(2))
        if not found:
            raise RefusedError(RefusalCode.NO_REFERENCE, "OBR-3 and OBR-2 are empty; an order number is required")
        return f"ORU/{found}"


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What is taken or refused for itself: a culture as a whole, of other orders each result."""

    #: Where in the message, for a refusal.
    place: str
    #: Its order.
    order: _Order
    #: Its result; None for a culture, and for an order without results.
    result: Segment | None = None
    #: What was cultured; None for a result.
    culture: Concept | None = None

    @property
    def source(self) -> str:
        """The name by which a correction replaces it.

        Raises:
            RefusedError: its order bears no number.
        """
        one = self.result
        return self.order.source + ("" if one is None else f"/{shown(one.text(3))}/{shown(one.text(4)) or 1}")

    @property
    def status(self) -> str:
        """OBX-11 of a result, OBR-25 of an order.

        Raises:
            RefusedError: it is empty or no status.
        """
        segment, number = (self.order.request, 25) if self.result is None else (self.result, 11)
        found = segment.text(number)
        if found not in _STATUSES:
            raise RefusedError(
                RefusalCode.MALFORMED,
                f"{segment.name}-{number} (status) is '{shown(found)}'; required e.g. F, P, C or X",
            )
        return found


def results(context: MessageContext) -> Told:
    """What an ORU message tells, result by result; what cannot be taken is a refusal of its own.

    Raises:
        MessageRefusedError: patient, stay or order is missing.
    """
    # Patient and stay are demanded of every message, also of one whose results say nothing.
    context.stay_id(), context.patient_id()
    context.required("OBR")
    tellings: dict[str, Telling] = {}
    refusals: list[ResourceRefusal] = []
    for part in _parts(context):
        try:
            telling = _read(context, part)
            if telling is not None:
                refuse_second(telling.source, tellings, "OBR-3" if part.result is None else "OBX-4")
                tellings[telling.source] = telling
        except RefusedError as error:
            refusals.append(ResourceRefusal(source=part.place, reason_code=error.code, reason=str(error)))
            tellings = _without_the_corrected(context, part) | tellings
    return Told(door="hl7", tellings=tuple(tellings.values()), refusals=tuple(refusals))


def _parts(context: MessageContext) -> Iterator[_Part]:
    for order in _orders(context):
        culture = context.codes.concept_for(context.coding(order.request, 4), EventKind.REPORT)
        if culture is not None or not order.results:
            yield _Part(place="OBR", order=order, culture=culture)
        else:
            yield from (_Part(place=f"OBX[{n}]", order=order, result=segment) for n, segment in order.results)


def _orders(context: MessageContext) -> Iterator[_Order]:
    current: _Order | None = None
    count = 0
    for segment in context.message.segments:
        if segment.name == "OBR":
            if current is not None:
                yield current
            current = _Order(request=segment)
        elif segment.name == "OBX":
            count += 1
            if current is not None:
                current.results.append((count, segment))
    if current is not None:
        yield current


def _read(context: MessageContext, part: _Part) -> Telling | None:
    if part.result is not None:
        return _measured(context, part, part.result)
    if part.culture is not None:
        return _culture(context, part, part.culture)
    if part.order.request.text(25) in _WITHDRAWN:
        raise RefusedError(RefusalCode.MALFORMED, "OBR-25 withdraws, but no OBX tells what; send each with OBX-11 'X'")
    return None


def _without_the_corrected(context: MessageContext, part: _Part) -> dict[str, Telling]:
    """The withdrawal of what a correction that cannot be read corrects: its sender says that it was wrong."""
    try:
        is_correction = part.status == _CORRECTED
        return {part.source: context.telling(part.source)} if is_correction else {}
    except RefusedError:
        # It has no name or status: the refusal of the part itself tells so.
        return {}


def _measured(context: MessageContext, part: _Part, segment: Segment) -> Telling | None:
    status, source = part.status, part.source
    concept = context.codes.concept_for(context.coding(segment, 3), EventKind.OBSERVATION)
    if concept is None:
        raise RefusedError(RefusalCode.UNKNOWN_CODE, f"OBX-3 '{shown(segment.text(3))}' is none of ours")
    if status in _WITHDRAWN:
        return context.telling(source)
    if status in _NOT_YET:
        return None
    taken = context.moment(segment, 14) or _taken(context, part.order.request)
    event = Event(
        stay_id=context.stay_id(),
        source=source,
        kind=EventKind.OBSERVATION,
        code=concept.key,
        event_time=taken,
        known_time=_known(context, taken),
        value=_canonical(context, segment, concept, amount(segment).exact("OBX-5")),
        unit=concept.unit,
    )
    return context.telling(source, event)


def _culture(context: MessageContext, part: _Part, concept: Concept) -> Telling | None:
    status = part.status
    if status in _WITHDRAWN:
        return context.telling(part.source)
    standing = [one for _, one in part.order.results if one.text(11) not in _SILENT]
    if status in _NOT_YET or (status in _PRELIMINARY and not standing):
        return None
    taken = _taken(context, part.order.request)
    count = _colony_count(context, standing)
    event = Event(
        stay_id=context.stay_id(),
        source=part.source,
        kind=EventKind.REPORT,
        code=concept.key,
        event_time=taken,
        known_time=_known(context, taken),
        value=count,
        unit="" if count is None else context.codes.concepts[_COLONY_COUNT].unit,
        text=" ".join(_organisms(context, standing)),
    )
    return context.telling(part.source, event)


def _organisms(context: MessageContext, segments: list[Segment]) -> list[str]:
    """Codes of what grew; none when the answer says that nothing did.

    Raises:
        RefusedError: no segment says what grew, nor that nothing did: silence is no negative answer.
    """
    coded = [segment for segment in segments if segment.text(2) in {"CE", "CWE", "CNE"}]
    answers = [_answer(context, segment, one) for segment in coded for one in segment.repetitions(5)]
    if not answers:
        raise RefusedError(
            RefusalCode.MALFORMED, "no OBX says what grew; a code (OBX-2 CE, CWE or CNE) is required, or 'no growth'"
        )
    grown = {context.codes.conclusions.get(one, one.code) for one in answers if one not in context.codes.no_growth}
    return sorted(grown)[:_KEPT_ORGANISMS]


def _answer(context: MessageContext, segment: Segment, repetition: str) -> Coding:
    """One answer by the code that tells most: laboratories write their own code first and SNOMED CT beside it."""
    codings = context.coding(segment, 5, repetition)
    codes = context.codes
    ours = (
        one
        for one in codings
        if one in codes.no_growth | codes.conclusions.keys() or one.system == codes.systems["sct"]
    )
    found = next(ours, codings[0] if codings else None)
    if found is None or not is_id(found.code) or len(found.code) > _LONGEST_CODE:
        raise RefusedError(RefusalCode.MALFORMED, "OBX-5 needs the organism's code, or that of 'no growth'")
    return found


def _colony_count(context: MessageContext, segments: list[Segment]) -> float | None:
    """The highest count that is reached for certain: more than 100,000 is 100,000, less than 1,000 is none."""
    concept = context.codes.concepts[_COLONY_COUNT]
    counts = [
        _canonical(context, segment, concept, amount(segment, is_count=True).reached)
        for segment in segments
        if context.codes.concept_for(context.coding(segment, 3), EventKind.OBSERVATION) == concept
    ]
    return max(counts, default=None)


def _canonical(context: MessageContext, segment: Segment, concept: Concept, value: float) -> float:
    unit = context.codes.unit_of(shown(segment.text(6)))
    try:
        return concept.canonical(value, unit)
    except ContradictionError as error:
        is_known = unit == concept.unit or unit in concept.conversions
        code = RefusalCode.IMPOSSIBLE_VALUE if is_known else RefusalCode.UNKNOWN_UNIT
        raise RefusedError(code, str(error)) from error


def _taken(context: MessageContext, request: Segment) -> datetime:
    taken = context.moment(request, 7)
    if taken is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "OBR-7 is empty; when it was sampled is required")
    return taken


def _known(context: MessageContext, taken: datetime) -> datetime:
    if taken - context.sent_at > FUTURE_TOLERANCE:
        raise RefusedError(RefusalCode.CONTRADICTORY_TIMES, "it was sent before it was sampled; check MSH-7 and OBR-7")
    return max(context.sent_at, taken)
