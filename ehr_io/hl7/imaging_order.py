"""ORM^O01 and OMI^O23 (HL7 v2.5.1 chapter 4): an imaging order, as a hint of what will come and how urgent it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ehr_io.hl7.context import MessageContext
from ehr_io.hl7.message import Segment
from ehr_io.receive.fields import shown


class Urgency(Enum):
    """TQ1-9, OBR-27.6 or ORC-7.6, HL7 table 0485."""

    #: At once.
    STAT = "stat"
    #: As soon as possible.
    URGENT = "urgent"
    #: In its turn.
    ROUTINE = "routine"


_URGENCIES = {"S": Urgency.STAT, "A": Urgency.URGENT, "C": Urgency.URGENT, "T": Urgency.URGENT}


@dataclass(frozen=True, kw_only=True)
class ImagingOrder:
    """One order, as far as it was told; personal data."""

    #: PID-3.
    patient_id: str
    #: ORC-1, e.g. ``NW`` (new), ``CA`` (cancel), ``XO`` (change).
    control: str
    #: IPC-1, else OBR-18, else the filler number: what images bear as Accession Number.
    accession_number: str
    #: IPC-3, else ZDS-1: Study Instance UID; empty when not told.
    study_uid: str
    #: IPC-5, else OBR-24: modality; empty when not told.
    modality: str
    #: How urgent.
    urgency: Urgency
    #: OBR-36: when it is to be done, UTC; None when not told.
    scheduled_at: datetime | None


def imaging_orders(context: MessageContext) -> tuple[ImagingOrder, ...]:
    """The orders of an ORM or OMI message, one for each OBR.

    Raises:
        MessageRefusedError: patient or order is missing.
        RefusedError: a time is none.
    """
    context.required("OBR")
    return tuple(_order(context, request) for request in context.message.all("OBR"))


def _order(context: MessageContext, request: Segment) -> ImagingOrder:
    control, procedure, study = (context.message.first(name) for name in ("ORC", "IPC", "ZDS"))
    accession = _text(procedure, 1) or shown(request.text(18)) or shown(request.text(3)) or _text(control, 3)
    return ImagingOrder(
        patient_id=context.patient_id(),
        control=_text(control, 1),
        accession_number=accession,
        study_uid=_text(procedure, 3, 64) or _text(study, 1, 64),
        modality=_text(procedure, 5) or shown(request.text(24)),
        urgency=_urgency(context, request, control),
        scheduled_at=context.moment(request, 36),
    )


def _urgency(context: MessageContext, request: Segment, control: Segment | None) -> Urgency:
    timing = context.message.first("TQ1")
    found = ("" if timing is None else timing.text(9)) or request.text(27, 6) or request.text(5)
    found = found or ("" if control is None else control.text(7, 6))
    return _URGENCIES.get(found[:1], Urgency.ROUTINE)


def _text(segment: Segment | None, number: int, longest: int = 40) -> str:
    found = "" if segment is None else segment.text(number)
    return "".join(character for character in found[:longest] if character.isprintable())
