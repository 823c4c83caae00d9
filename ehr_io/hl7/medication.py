"""RDE^O11 (ordered) and RAS^O17 (given) (HL7 v2.5.1 chapter 4): two facts with two times."""

from ehr_io.codes import Concept
from ehr_io.events import Event, EventKind
from ehr_io.hl7.context import MessageContext, refuse_second
from ehr_io.hl7.message import Segment
from ehr_io.receive.fields import shown
from ehr_io.receive.reading import RefusalCode, RefusedError, ResourceRefusal
from ehr_io.told import Telling, Told

#: RXA-20, HL7 table 0322: refused, not administered. A part of a dose is a dose.
_NOT_GIVEN = {"RE", "NA"}
#: RXA-21, HL7 table 0206.
_DELETED = "D"
#: ORC-1, HL7 table 0119: cancelled, discontinued.
_CANCELLED = {"CA", "OC", "DC", "OD", "CR", "DR"}


def given(context: MessageContext) -> Told:
    """What a RAS message tells: doses.

    Raises:
        MessageRefusedError: patient, stay or the dose is missing.
    """
    context.required("RXA")
    return _told(context, "RXA")


def ordered(context: MessageContext) -> Told:
    """What an RDE message tells: orders; a cancelled one is withdrawn.

    Raises:
        MessageRefusedError: patient, stay or the order is missing.
    """
    context.required("RXE")
    return _told(context, "RXE")


def _told(context: MessageContext, name: str) -> Told:
    # Demanded also where every segment is refused.
    context.stay_id(), context.patient_id()
    tellings: dict[str, Telling] = {}
    refusals: list[ResourceRefusal] = []
    order: Segment | None = None
    number = 0
    for segment in context.message.segments:
        order = segment if segment.name == "ORC" else order
        if segment.name != name:
            continue
        number += 1
        try:
            told = _read(context, segment, order, number)
            refuse_second(told.source, tellings, "ORC-3")
            tellings[told.source] = told
        except RefusedError as error:
            refusals.append(ResourceRefusal(source=f"{name}[{number}]", reason_code=error.code, reason=str(error)))
    return Told(door="hl7", tellings=tuple(tellings.values()), refusals=tuple(refusals))


def _read(context: MessageContext, segment: Segment, control: Segment | None, number: int) -> Telling:
    told = "" if control is None else shown(control.text(3)) or shown(control.text(2))
    name = told or f"{number}"
    return _dose(context, segment, name) if segment.name == "RXA" else _order(context, segment, control, name)


def _dose(context: MessageContext, segment: Segment, order: str) -> Telling:
    concept = _concept(context, segment, 5)
    start = context.moment(segment, 3)
    if start is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "RXA-3 is empty; when it was given is required")
    source = f"RXA/{context.stay_id()}/{order}/{start:%Y%m%d%H%M%S}"
    if segment.text(20) in _NOT_GIVEN or segment.text(21) == _DELETED:
        return context.telling(source)
    event = Event(
        stay_id=context.stay_id(),
        source=source,
        kind=EventKind.MEDICATION,
        code=concept.key,
        event_time=start,
        known_time=max(context.sent_at, start),
    )
    return context.telling(source, event)


def _order(context: MessageContext, segment: Segment, control: Segment | None, order: str) -> Telling:
    concept = _concept(context, segment, 2)
    source = f"RXE/{context.stay_id()}/{order}"
    if control is not None and control.text(1) in _CANCELLED:
        return context.telling(source)
    at = (None if control is None else context.moment(control, 9)) or context.sent_at
    event = Event(
        stay_id=context.stay_id(),
        source=source,
        kind=EventKind.ORDER,
        code=f"{concept.key}_order",
        event_time=at,
        known_time=max(context.sent_at, at),
    )
    return context.telling(source, event)


def _concept(context: MessageContext, segment: Segment, number: int) -> Concept:
    concept = context.codes.concept_for(context.coding(segment, number), EventKind.MEDICATION)
    if concept is None:
        found = shown(segment.text(number))
        raise RefusedError(RefusalCode.UNKNOWN_CODE, f"{segment.name}-{number} '{found}' is none of ours")
    return concept
