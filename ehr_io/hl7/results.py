"""ORU^R01 (HL7 v2.5.1 chapter 7): measurements, laboratory values and cultures; preliminary, final, corrected."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ehr_io.codes import Concept
from ehr_io.errors import ContradictionError
from ehr_io.events import Event, EventKind
from ehr_io.hl7.context import MessageContext
from ehr_io.hl7.message import Segment
from ehr_io.receive.fields import FUTURE_TOLERANCE, is_id, shown
from ehr_io.receive.reading import RefusalCode, RefusedError, ResourceRefusal
from ehr_io.told import Telling, Told

#: OBX-11 and OBR-25 that withdraw: deleted, wrong, cannot be obtained (HL7 tables 0085 and 0123).
_WITHDRAWN = {"D", "W", "X"}
#: Nothing is known yet: in process, scheduled.
_NOT_YET = {"I", "O", "S", "N", "U"}
_COLONY_COUNT = "colony_count"
_LONGEST_CODE, _KEPT_ORGANISMS = 18, 6


@dataclass(kw_only=True)
class _Order:
    """One OBR with the OBX that follow it."""

    #: OBR.
    request: Segment
    #: OBX by their place in the message.
    results: list[tuple[int, Segment]] = field(default_factory=list)


def results(context: MessageContext) -> Told:
    """What an ORU message tells, result by result; what cannot be taken is a refusal of its own.

    Raises:
        MessageRefusedError: patient, stay or order is missing.
    """
    stay_id, patient_id = context.stay_id(), context.patient_id()
    context.required("OBR")
    tellings: list[Telling] = []
    refusals: list[ResourceRefusal] = []
    for order in _orders(context):
        report = context.codes.concept_for(context.coding(order.request, 4), EventKind.REPORT)
        parts = [("OBR", order.results)] if report is not None else [(f"OBX[{n}]", [(n, x)]) for n, x in order.results]
        for place, found in parts:
            try:
                telling = _culture(context, order, report) if report else _measured(context, order, found[0][1])
                tellings += [] if telling is None else [telling]
            except RefusedError as error:
                refusals.append(ResourceRefusal(source=place, reason_code=error.code, reason=str(error)))
    return Told(door="hl7", owners={stay_id: patient_id}, tellings=tuple(tellings), refusals=tuple(refusals))


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


def _measured(context: MessageContext, order: _Order, segment: Segment) -> Telling | None:
    status = segment.text(11)
    _refuse_status(status, "OBX-11")
    concept = context.codes.concept_for(context.coding(segment, 3), EventKind.OBSERVATION)
    if concept is None:
        raise RefusedError(RefusalCode.UNKNOWN_CODE, f"OBX-3 '{shown(segment.text(3))}' is none of ours")
    source = f"ORU/{_order_number(order.request)}/{shown(segment.text(3))}/{shown(segment.text(4)) or 1}"
    if status in _WITHDRAWN:
        return _telling(context, source)
    if status in _NOT_YET:
        return None
    taken = context.moment(segment, 14) or _taken(context, order.request)
    event = Event(
        stay_id=context.stay_id(),
        source=source,
        kind=EventKind.OBSERVATION,
        code=concept.key,
        event_time=taken,
        known_time=_known(context, taken),
        value=_number(context, segment, concept),
        unit=concept.unit,
    )
    return _telling(context, source, event)


def _culture(context: MessageContext, order: _Order, concept: Concept) -> Telling | None:
    status = order.request.text(25)
    _refuse_status(status, "OBR-25")
    source = f"ORU/{_order_number(order.request)}"
    if status in _WITHDRAWN:
        return _telling(context, source)
    if status in _NOT_YET:
        return None
    standing = [segment for _, segment in order.results if segment.text(11) not in _WITHDRAWN]
    taken = _taken(context, order.request)
    count = _colony_count(context, standing)
    event = Event(
        stay_id=context.stay_id(),
        source=source,
        kind=EventKind.REPORT,
        code=concept.key,
        event_time=taken,
        known_time=_known(context, taken),
        value=count,
        unit="" if count is None else context.codes.concepts[_COLONY_COUNT].unit,
        text=" ".join(_organisms(context, standing)),
    )
    return _telling(context, source, event)


def _organisms(context: MessageContext, segments: list[Segment]) -> list[str]:
    found: set[str] = set()
    for segment in segments:
        if segment.text(2) not in {"CE", "CWE", "CNE"}:
            continue
        coding = next(iter(context.coding(segment, 5)), None)
        if coding is None or not is_id(coding.code) or len(coding.code) > _LONGEST_CODE:
            raise RefusedError(RefusalCode.MALFORMED, "OBX-5 needs the organism's code, or that of 'no growth'")
        if coding not in context.codes.no_growth:
            found.add(context.codes.conclusions.get(coding, coding.code))
    return sorted(found)[:_KEPT_ORGANISMS]


def _colony_count(context: MessageContext, segments: list[Segment]) -> float | None:
    concept = context.codes.concepts[_COLONY_COUNT]
    counts = [
        _number(context, segment, concept)
        for segment in segments
        if context.codes.concept_for(context.coding(segment, 3), EventKind.OBSERVATION) == concept
    ]
    return max(counts, default=None)


def _number(context: MessageContext, segment: Segment, concept: Concept) -> float:
    written = segment.text(5).replace(",", ".")
    try:
        value = float(written)
    except ValueError as error:
        raise RefusedError(RefusalCode.IMPOSSIBLE_VALUE, "OBX-5 is no number; a number is required") from error
    unit = context.codes.unit_of(segment.text(6))
    try:
        return concept.canonical(value, unit)
    except ContradictionError as error:
        is_known = unit == concept.unit or unit in concept.conversions
        code = RefusalCode.IMPOSSIBLE_VALUE if is_known else RefusalCode.UNKNOWN_UNIT
        raise RefusedError(code, str(error)) from error


def _refuse_status(status: str, name: str) -> None:
    if not status:
        raise RefusedError(RefusalCode.MALFORMED, f"{name} (status) is empty; it is required")


def _order_number(request: Segment) -> str:
    found = shown(request.text(3)) or shown(request.text(2))
    if not found:
        raise RefusedError(RefusalCode.NO_REFERENCE, "OBR-3 and OBR-2 are empty; an order number is required")
    return found


def _taken(context: MessageContext, request: Segment) -> datetime:
    taken = context.moment(request, 7)
    if taken is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "OBR-7 is empty; when it was sampled is required")
    return taken


def _known(context: MessageContext, taken: datetime) -> datetime:
    if taken - context.sent_at > FUTURE_TOLERANCE:
        raise RefusedError(RefusalCode.CONTRADICTORY_TIMES, "it was sent before it was sampled; check MSH-7 and OBR-7")
    return max(context.sent_at, taken)


def _telling(context: MessageContext, source: str, *events: Event) -> Telling:
    return Telling(source=source, stay_id=context.stay_id(), told_at=context.sent_at, events=events)
