"""Observation, Procedure, MedicationAdministration and DiagnosticReport (FHIR R4) become events."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ehr_io.amounts import Amount, Comparator
from ehr_io.codes import Coding, Concept
from ehr_io.errors import ContradictionError
from ehr_io.events import Event, EventKind
from ehr_io.receive.context import BundleContext
from ehr_io.receive.fields import Json, child, children, codings, instant, is_id, number, shown, text
from ehr_io.receive.reading import RefusalCode, RefusedError
from ehr_io.sides import said_of

_COLONY_COUNT = "colony_count"
#: A SNOMED CT identifier has at most 18 digits; more than two organisms are contamination, however many.
_LONGEST_CODE, _KEPT_ORGANISMS = 18, 6
#: R4 status codes of the resource types below that say that something has happened, or that it is not known how far.
_HAPPENED = {
    *("active", "amended", "appended", "completed", "corrected", "final", "in-progress", "on-hold"),
    *("partial", "preliminary", "stopped", "unknown"),
}


def observation(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """The numbers of an Observation: its own, or those of its components (a blood pressure panel).

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"registered", "cancelled"})
    stay_id = context.stay_of(resource)
    # Of a panel, what was not measured (dataAbsentReason) says nothing of the rest.
    measured = [part for part in children(resource, "component") if "valueQuantity" in part]
    parts = [resource] if "valueQuantity" in resource else measured or [resource]
    concepts = [
        (context.codes.concept_for(codings(child(part, "code")), EventKind.OBSERVATION), part) for part in parts
    ]
    known = [(concept, part) for concept, part in concepts if concept is not None]
    if not known:
        raise context.refuse_code("code", _first_code(codings(child(resource, "code"))))
    start, _ = context.moment(resource, "effective")
    event = Event(
        stay_id=stay_id,
        source=source,
        kind=EventKind.OBSERVATION,
        code="",
        event_time=start,
        known_time=context.known_time(resource, start),
    )
    values = [_canonical(part, one, _amount(part).exact("'valueQuantity'"), context) for one, part in known]
    return [replace(event, code=one.key, value=v, unit=one.unit) for (one, _), v in zip(known, values, strict=True)]


def procedure(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """An operation with its side, or a device inserted, with its removal when told.

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"preparation", "not-done"})
    concept = _concept(resource, "code", EventKind.PROCEDURE, context)
    said = said_of(coding.code for site in children(resource, "bodySite") for coding in codings(site))
    lasting = _lasting(resource, (source, context.stay_of(resource), "performed"), concept, context)
    return [replace(lasting, text=said)]


def medication(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """A drug given.

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"not-done"})
    concept = _drug(resource, context)
    return [_lasting(resource, (source, context.stay_of(resource, "context"), "effective"), concept, context)]


def medication_request(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """A drug ordered, which is no dose yet.

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"cancelled", "draft", "stopped"})
    concept = _drug(resource, context)
    at = instant(resource, "authoredOn")
    if at is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "'authoredOn' is missing; when it was ordered is required")
    event = Event(
        stay_id=context.stay_of(resource),
        source=source,
        kind=EventKind.ORDER,
        code=f"{concept.key}_order",
        event_time=context.not_in_the_future(at, "authoredOn"),
        known_time=context.known_time(resource, at),
    )
    return [event]


def device_use(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """A device in use; what it is, its Device in the same Bundle says.

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"intended", "on-hold"})
    device = context.linked(resource, "device")
    concept = _concept(device, "type", EventKind.PROCEDURE, context)
    start, end = context.moment(resource, "timing")
    event = Event(
        stay_id=context.stay_at(context.reference(resource, "subject", "Patient"), start),
        source=source,
        kind=EventKind.PROCEDURE,
        code=concept.key,
        event_time=start,
        known_time=context.known_time(resource, start),
        end_time=end,
    )
    return [event]


def condition(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """A diagnosis; known when it was recorded, which for discharge codes is long after it was true.

    Raises:
        RefusedError: the resource cannot be taken.
    """
    verified = {coding.code for coding in codings(child(resource, "verificationStatus"))}
    if verified & {"refuted", "entered-in-error"}:
        raise RefusedError(RefusalCode.ENTERED_IN_ERROR, "'verificationStatus' withdraws it")
    concept = _concept(resource, "code", EventKind.CONDITION, context)
    recorded = instant(resource, "recordedDate")
    start = instant(resource, "onsetDateTime") or recorded
    if start is None:
        raise RefusedError(RefusalCode.MISSING_TIME, "'onsetDateTime' and 'recordedDate' are missing; one is required")
    event = Event(
        stay_id=context.stay_of(resource),
        source=source,
        kind=EventKind.CONDITION,
        code=concept.key,
        event_time=context.not_in_the_future(start, "onsetDateTime"),
        known_time=max(recorded or context.known_time(resource, start), start),
    )
    return [event]


def companion(_resource: Json, _source: str, _context: BundleContext) -> list[Event]:
    """A resource that tells nothing by itself: another one leads to it."""
    return []


def report(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """A culture answered: ``text`` holds the organisms' codes, ``value`` the highest colony count.

    ``effective`` is when the sample was taken, ``issued`` when it was answered (R4 10.3).

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"registered", "cancelled"})
    concept = _concept(resource, "code", EventKind.REPORT, context)
    stay_id = context.stay_of(resource)
    conclusions = [coding for entry in children(resource, "conclusionCode") for coding in codings(entry)[:1]]
    if not conclusions or not all(len(coding.code) <= _LONGEST_CODE and is_id(coding.code) for coding in conclusions):
        raise RefusedError(RefusalCode.MALFORMED, "'conclusionCode' needs a code for each organism, or for 'no growth'")
    start = _sampled_at(resource, context)
    words = context.codes.conclusions
    organisms = [words.get(one, one.code) for one in conclusions if one not in context.codes.no_growth]
    count = _colony_count(resource, context)
    event = Event(
        stay_id=stay_id,
        source=source,
        kind=EventKind.REPORT,
        code=concept.key,
        event_time=start,
        known_time=context.known_time(resource, start),
        value=count,
        unit="" if count is None else context.codes.concepts[_COLONY_COUNT].unit,
        text=" ".join(sorted(set(organisms))[:_KEPT_ORGANISMS]),
    )
    return [event]


def _sampled_at(resource: Json, context: BundleContext) -> datetime:
    """``effective[x]``, else when the Specimen in the same Bundle was collected."""
    if any(f"effective{kind}" in resource for kind in ("DateTime", "Instant", "Period")):
        return context.moment(resource, "effective")[0]
    named = children(resource, "specimen")
    specimens = [context.linked({"specimen": one}, "specimen") for one in named]
    collected = [child(one, "collection") for one in specimens if one]
    return context.moment(collected[0] if collected else resource, "collected" if collected else "effective")[0]


def _lasting(resource: Json, names: tuple[str, str, str], concept: Concept, context: BundleContext) -> Event:
    source, stay_id, stem = names
    start, end = context.moment(resource, stem)
    return Event(
        stay_id=stay_id,
        source=source,
        kind=concept.kind,
        code=concept.key,
        event_time=start,
        known_time=context.known_time(resource, start),
        end_time=end,
    )


def _refuse_status(resource: Json, not_done: set[str]) -> None:
    status = text(resource, "status")
    if status in not_done:
        raise RefusedError(
            RefusalCode.NOT_DONE,
            f"'status' is '{status}'; only what has happened is taken, and what was told is withdrawn",
        )
    if status not in _HAPPENED:
        raise RefusedError(
            RefusalCode.MALFORMED, f"'status' is '{shown(status)}', which R4 does not have; it is required"
        )


def _drug(resource: Json, context: BundleContext) -> Concept:
    if "medicationReference" in resource:
        return _concept(context.linked(resource, "medicationReference"), "code", EventKind.MEDICATION, context)
    return _concept(resource, "medicationCodeableConcept", EventKind.MEDICATION, context)


def _concept(resource: Json, name: str, kind: EventKind, context: BundleContext) -> Concept:
    found = codings(child(resource, name))
    concept = context.codes.concept_for(found, kind)
    if concept is None:
        raise context.refuse_code(f"'{name}'", _first_code(found))
    return concept


def _first_code(found: Iterable[Coding]) -> str:
    return next((f"{coding.system}|{coding.code}" for coding in found), "")


def _amount(part: Json) -> Amount:
    quantity = child(part, "valueQuantity")
    sign = text(quantity, "comparator")
    if sign and sign not in {one.value for one in Comparator}:
        raise RefusedError(RefusalCode.IMPOSSIBLE_VALUE, "'comparator' is none of R4: <, <=, >= or >")
    return Amount(value=number(quantity, "value"), comparator=Comparator(sign) if sign else None)


def _canonical(part: Json, concept: Concept, value: float, context: BundleContext) -> float:
    quantity = child(part, "valueQuantity")
    unit = shown(text(quantity, "code")) or context.codes.unit_of(shown(text(quantity, "unit")))
    try:
        return concept.canonical(value, unit)
    except ContradictionError as error:
        known = unit == concept.unit or unit in concept.conversions
        code = RefusalCode.IMPOSSIBLE_VALUE if known else RefusalCode.UNKNOWN_UNIT
        raise RefusedError(code, str(error)) from error


def _colony_count(resource: Json, context: BundleContext) -> float | None:
    """The highest count that is reached for certain: more than 100,000 is 100,000, less than 1,000 is none."""
    named = [{**resource, "result": one} for one in children(resource, "result")]
    results = [context.linked(one, "result") for one in named]
    concept = context.codes.concepts[_COLONY_COUNT]
    counts = [
        _canonical(result, concept, _amount(result).reached, context)
        for result in results
        if context.codes.concept_for(codings(child(result, "code")), EventKind.OBSERVATION) == concept
    ]
    return max(counts, default=None)
