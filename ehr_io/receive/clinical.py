"""Observation, Procedure, MedicationAdministration and DiagnosticReport (FHIR R4) become events."""

from collections.abc import Iterable
from dataclasses import replace

from ehr_io.codes import Coding, Concept
from ehr_io.errors import ContradictionError
from ehr_io.events import Event, EventKind
from ehr_io.receive.context import BundleContext
from ehr_io.receive.fields import Json, child, children, codings, is_id, number, text
from ehr_io.receive.reading import RefusalCode, RefusedError
from ehr_io.sides import said_of

_COLONY_COUNT = "colony_count"
#: A SNOMED CT identifier has at most 18 digits; more than two organisms are contamination, however many.
_LONGEST_CODE, _KEPT_ORGANISMS = 18, 6


def observation(resource: Json, source: str, context: BundleContext) -> list[Event]:
    """The numbers of an Observation: its own, or those of its components (a blood pressure panel).

    Raises:
        RefusedError: the resource cannot be taken.
    """
    _refuse_status(resource, {"registered", "cancelled"})
    stay_id = context.stay_of(resource)
    parts = [resource] if "valueQuantity" in resource else children(resource, "component") or [resource]
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
    return [replace(event, code=c.key, value=_quantity(part, c), unit=c.unit) for c, part in known]


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
    concept = _concept(resource, "medicationCodeableConcept", EventKind.MEDICATION, context)
    return [_lasting(resource, (source, context.stay_of(resource, "context"), "effective"), concept, context)]


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
    start, _ = context.moment(resource, "effective")
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
    if not status:
        raise RefusedError(RefusalCode.MALFORMED, "'status' is missing; R4 requires it")
    if status in not_done:
        raise RefusedError(RefusalCode.NOT_DONE, f"'status' is '{status}'; only what has happened is taken")


def _concept(resource: Json, name: str, kind: EventKind, context: BundleContext) -> Concept:
    found = codings(child(resource, name))
    concept = context.codes.concept_for(found, kind)
    if concept is None:
        raise context.refuse_code(f"'{name}'", _first_code(found))
    return concept


def _first_code(found: Iterable[Coding]) -> str:
    return next((f"{coding.system}|{coding.code}" for coding in found), "")


def _quantity(part: Json, concept: Concept) -> float:
    quantity = child(part, "valueQuantity")
    value = number(quantity, "value")
    unit = text(quantity, "code") or text(quantity, "unit")
    try:
        return concept.canonical(value, unit)
    except ContradictionError as error:
        known = unit == concept.unit or unit in concept.conversions
        code = RefusalCode.IMPOSSIBLE_VALUE if known else RefusalCode.UNKNOWN_UNIT
        raise RefusedError(code, str(error)) from error


def _colony_count(resource: Json, context: BundleContext) -> float | None:
    contained = {f"#{text(entry, 'id')}": entry for entry in children(resource, "contained")}
    names = [text(entry, "reference") for entry in children(resource, "result")]
    results = [contained.get(name) or context.resources.get(context.full_urls.get(name, name)) for name in names]
    concept = context.codes.concepts[_COLONY_COUNT]
    counts = [
        _quantity(result, concept)
        for result in results
        if result is not None
        and context.codes.concept_for(codings(child(result, "code")), EventKind.OBSERVATION) == concept
    ]
    return max(counts, default=None)
