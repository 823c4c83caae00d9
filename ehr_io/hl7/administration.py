"""ADT messages (HL7 v2.5.1 chapter 3): admissions, transfers, discharges, their cancellation, and merged patients."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from ehr_io.events import Event, EventKind
from ehr_io.hl7.acknowledgement import ErrorCondition
from ehr_io.hl7.context import MessageContext, MessageRefusedError
from ehr_io.hl7.message import Segment
from ehr_io.receive.fields import FUTURE_TOLERANCE, day_of, is_id, shown
from ehr_io.receive.reading import PatientMerge, PatientReading, RefusalCode, RefusedError, ResourceRefusal
from ehr_io.sides import said_of
from ehr_io.told import Telling, Told

#: PV1-2, HL7 table 0004, as FHIR Encounter.class (v2-to-FHIR, ConceptMap "PatientClass").
_CLASSES = {"E": "EMER", "I": "IMP", "O": "AMB", "P": "PRENC", "R": "AMB", "B": "IMP", "C": "AMB"}
#: PID-8, HL7 table 0001.
_SEXES = {"F": "female", "M": "male", "O": "other", "A": "other", "U": "unknown", "N": "unknown"}
_BIRTH = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(?:\d{2}.*)?)?)?", re.ASCII)
#: Seven digits are nineteen years.
_MINUTES = re.compile(r"\d{1,7}", re.ASCII)


def administration(context: MessageContext) -> Told:
    """What an ADT message tells.

    Raises:
        MessageRefusedError: a segment or field is missing without which nothing can be said.
        RefusedError: the fact that the message is about cannot be true.
    """
    trigger = context.message.header.text(9, 2)
    if trigger == "A40":
        return _merge(context)
    told = _TRIGGERS[trigger](context)
    done, refusals = _procedures(context)
    return Told(
        door="hl7",
        owners={context.stay_id(): context.patient_id()},
        tellings=(*told, *done),
        patients=_patients(context),
        refusals=refusals,
    )


def _admitted(context: MessageContext) -> tuple[Telling, ...]:
    at = _admission_time(context)
    return (*_admission(context, at), *_ward(context, "first", at))


def _transferred(context: MessageContext) -> tuple[Telling, ...]:
    at = _occurred(context)
    return _ward(context, _stamp(at), at)


def _discharged(context: MessageContext) -> tuple[Telling, ...]:
    visit = context.required("PV1")
    at = context.moment(visit, 45) or _occurred(context)
    admitted = context.moment(visit, 44)
    if admitted is not None and at < admitted:
        raise RefusedError(RefusalCode.CONTRADICTORY_TIMES, "PV1-45 (discharge) is before PV1-44 (admission)")
    return (_telling(context, "discharge", _event(context, EventKind.DISCHARGE, _class(visit), at)),)


def _updated(context: MessageContext) -> tuple[Telling, ...]:
    at = context.moment(context.required("PV1"), 44)
    # PV1-3 is where the patient is now, which a transfer tells better: an update moves nobody.
    return () if at is None else _admission(context, at)


def _cancelled(*facts: str) -> Callable[[MessageContext], tuple[Telling, ...]]:
    return lambda context: tuple(_telling(context, fact) for fact in facts)


def _transfer_cancelled(context: MessageContext) -> tuple[Telling, ...]:
    # EVN-2 and MSH-7 tell when it was cancelled: taken for the transfer's time they would cancel nothing, in silence.
    at = context.moment(context.required("EVN"), 6)
    if at is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "EVN-6 is empty; the time of the cancelled transfer is required")
    return (_telling(context, f"ward/{_stamp(at)}"),)


_TRIGGERS: Mapping[str, Callable[[MessageContext], tuple[Telling, ...]]] = {
    "A01": _admitted,
    "A02": _transferred,
    "A03": _discharged,
    "A04": _admitted,
    "A08": _updated,
    "A11": _cancelled("admission", "ward/first"),
    "A12": _transfer_cancelled,
    "A13": _cancelled("discharge"),
}
#: Trigger events that are read.
TRIGGERS = frozenset(_TRIGGERS) | {"A40"}


def _merge(context: MessageContext) -> Told:
    prior, surviving = context.required("MRG").text(1), context.patient_id()
    if not is_id(prior) or prior == surviving:
        raise MessageRefusedError(
            ErrorCondition.REQUIRED_FIELD, "MRG-1 must identify another patient than PID-3, the one that remains"
        )
    return Told(door="hl7", merges=(PatientMerge(prior_id=prior, surviving_id=surviving),), patients=_patients(context))


def _admission(context: MessageContext, at: datetime) -> tuple[Telling, ...]:
    visit = context.required("PV1")
    return (_telling(context, "admission", _event(context, EventKind.ADMISSION, _class(visit), at)),)


def _ward(context: MessageContext, name: str, at: datetime) -> tuple[Telling, ...]:
    ward = shown(context.required("PV1").text(3))
    if not ward:
        raise RefusedError(RefusalCode.MALFORMED, "PV1-3 names no ward; its first component is required")
    return (_telling(context, f"ward/{name}", _event(context, EventKind.WARD, ward, at)),)


def _class(visit: Segment) -> str:
    found = _CLASSES.get(visit.text(2))
    if found is None:
        raise RefusedError(RefusalCode.UNKNOWN_CODE, f"PV1-2 '{shown(visit.text(2))}' is not in HL7 table 0004")
    return found


def _admission_time(context: MessageContext) -> datetime:
    return context.moment(context.required("PV1"), 44) or _occurred(context)


def _occurred(context: MessageContext) -> datetime:
    """EVN-6 (event occurred), else EVN-2 (recorded), else when the message was made."""
    event = context.message.first("EVN")
    told = None if event is None else context.moment(event, 6) or context.moment(event, 2)
    return told or context.sent_at


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S")


def _telling(context: MessageContext, fact: str, *events: Event) -> Telling:
    stay_id = context.stay_id()
    return Telling(source=f"ADT/{stay_id}/{fact}", stay_id=stay_id, told_at=context.sent_at, events=events)


def _event(context: MessageContext, kind: EventKind, code: str, at: datetime) -> Event:
    stay_id = context.stay_id()
    fact = {EventKind.ADMISSION: "admission", EventKind.DISCHARGE: "discharge"}.get(kind)
    is_first = context.message.header.text(9, 2) != "A02"
    return Event(
        stay_id=stay_id,
        source=f"ADT/{stay_id}/{fact or ('ward/first' if is_first else f'ward/{_stamp(at)}')}",
        kind=kind,
        code=code,
        event_time=at,
        known_time=max(context.sent_at, at),
    )


def _patients(context: MessageContext) -> tuple[PatientReading, ...]:
    who = context.required("PID")
    patient_id, born = context.patient_id(), _born(who)
    visit = context.message.first("PV1")
    admitted = None if visit is None else context.moment(visit, 44)
    # A day's grace: a child born at the hospital may be admitted on a UTC day before its local birth date.
    if born is not None and (born - (admitted or context.sent_at).date()).days > 1:
        raise RefusedError(RefusalCode.NEGATIVE_AGE, "PID-7 (birth) is after PV1-44 (admission), or MSH-7; check them")
    reading = PatientReading(
        patient_id=patient_id,
        source=f"Patient/{patient_id}",
        birth_date=born,
        sex=_SEXES.get(who.text(8), ""),
        died_at=context.moment(who, 29),
    )
    return (reading,)


def _born(who: Segment) -> date | None:
    """PID-7; the middle of the month or year where only that is told (HL7 v2.5.1 2.A.22)."""
    written = who.text(7)
    found = _BIRTH.fullmatch(written)
    born = None if found is None else day_of(*found.groups())
    if written and born is None:
        raise MessageRefusedError(ErrorCondition.DATA_TYPE, "PID-7 is no date; YYYYMMDD is required")
    return born


def _procedures(context: MessageContext) -> tuple[tuple[Telling, ...], tuple[ResourceRefusal, ...]]:
    """PR1 segments: operations, and devices with their insertion and, when PR1-7 tells it, removal."""
    tellings, refusals = [], []
    for number, segment in enumerate(context.message.all("PR1"), start=1):
        try:
            tellings.append(_procedure(context, segment))
        except RefusedError as error:
            refusals.append(ResourceRefusal(source=f"PR1[{number}]", reason_code=error.code, reason=str(error)))
    return tuple(tellings), tuple(refusals)


def _procedure(context: MessageContext, segment: Segment) -> Telling:
    concept = context.codes.concept_for(context.coding(segment, 3), EventKind.PROCEDURE)
    if concept is None:
        raise RefusedError(RefusalCode.UNKNOWN_CODE, f"PR1-3 '{shown(segment.text(3))}' is none of ours")
    start = context.moment(segment, 5)
    if start is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "PR1-5 is empty; when it was done is required")
    stay_id = context.stay_id()
    # Not by its place in the message: the next one may tell another operation there.
    source = f"PR1/{stay_id}/{shown(segment.text(19)) or f'{concept.key}/{_stamp(start)}'}"
    event = Event(
        stay_id=stay_id,
        source=source,
        kind=EventKind.PROCEDURE,
        code=concept.key,
        event_time=start,
        known_time=max(context.sent_at, start),
        text=said_of(segment.part(one, 1) for one in segment.repetitions(16)),
        end_time=_ended(context, segment, start),
    )
    return Telling(source=source, stay_id=stay_id, told_at=context.sent_at, events=(event,))


def _ended(context: MessageContext, segment: Segment, start: datetime) -> datetime | None:
    minutes = segment.text(7)
    if not minutes:
        return None
    if not _MINUTES.fullmatch(minutes):
        raise RefusedError(RefusalCode.MALFORMED, "PR1-7 is no whole number of minutes, at most seven digits")
    end = start + timedelta(minutes=int(minutes))
    if end - context.received_at > FUTURE_TOLERANCE:
        raise RefusedError(RefusalCode.FUTURE_TIME, "PR1-5 and the minutes of PR1-7 lie in the future; check both")
    return end
