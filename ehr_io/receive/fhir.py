"""A FHIR R4 Bundle becomes bitemporal events; each resource that cannot be taken is a recorded refusal."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from ehr_io.codes import code_map
from ehr_io.errors import BodyTooLargeError, NotFhirError
from ehr_io.events import Event, EventKind
from ehr_io.receive import administrative, clinical
from ehr_io.receive.context import BundleContext
from ehr_io.receive.fields import Json, child, instant, is_id, shown, text
from ehr_io.receive.reading import (
    BundleReading,
    PatientMerge,
    PatientReading,
    RefusalCode,
    RefusedError,
    ResourceRefusal,
    StayReading,
)

#: A stay of months with hourly vital signs is about 4 MB.
MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_ENTRIES = 10_000
#: Elements that a reader who does not know what they mean must not pass over.
_MODIFIERS = ("modifierExtension", "implicitRules")
_BUNDLE_TYPES = ("transaction", "batch", "collection", "message")
_Fact = PatientReading | PatientMerge | StayReading | Event | ResourceRefusal
_Reader = Callable[[Json, str, BundleContext], Sequence[_Fact]]
_READERS: Mapping[str, _Reader] = {
    "Patient": administrative.patient,
    "Encounter": administrative.encounter,
    "Observation": clinical.observation,
    "Procedure": clinical.procedure,
    "MedicationAdministration": clinical.medication,
    "DiagnosticReport": clinical.report,
    "MedicationRequest": clinical.medication_request,
    "DeviceUseStatement": clinical.device_use,
    "Condition": clinical.condition,
    # They tell of others: when a sample was taken, what a device or a drug is.
    "Specimen": clinical.companion,
    "Device": clinical.companion,
    "Medication": clinical.companion,
}
#: What an Encounter says, whose the stay is with it.
_OF_THE_STAY = {EventKind.ADMISSION, EventKind.WARD, EventKind.DISCHARGE}
#: Resource types that are read.
READABLE = tuple(_READERS)


@dataclass(frozen=True, kw_only=True)
class _Entry:
    source: str
    full_url: str
    resource: Json
    request: Json
    is_duplicate: bool


def read_bundle(body: bytes, received_at: datetime) -> BundleReading:
    """Read a FHIR R4 Bundle (R4 2.36) of type transaction, batch, collection or message.

    READABLE resource types are read. What cannot be taken is refused one resource at a time; the rest goes through.

    Args:
        body: JSON, UTF-8.
        received_at: when it came, UTC; ``known_time`` of what does not say when it was issued.

    Raises:
        NotFhirError: the body is no JSON or no such Bundle.
        BodyTooLargeError: it is larger than MAX_BODY_BYTES or has more than MAX_ENTRIES entries.
    """
    return _read_all(_bundle(body), received_at, body)


def read_resource(body: bytes, source: str, received_at: datetime) -> BundleReading:
    """Read one resource as ``PUT /Type/id`` sends it; *source* is ``Type/id``.

    Raises:
        NotFhirError: the body is no JSON, or another resource than *source*.
        BodyTooLargeError: it is larger than MAX_BODY_BYTES.
    """
    resource = _parsed(body)
    found = f"{resource.get('resourceType')}/{resource.get('id')}"
    if found != source:
        raise NotFhirError("'resourceType' and 'id' of the body are not those of the address; they must be the same")
    return _read_all({"resourceType": "Bundle", "type": "batch", "entry": [{"resource": resource}]}, received_at, body)


def read_new_resource(body: bytes, resource_type: str, logical_id: str, received_at: datetime) -> BundleReading:
    """Read one resource as ``POST /Type`` sends it; it gets *logical_id*, whatever id it bears (R4 3.1.0.8).

    Raises:
        NotFhirError: the body is no JSON, or of another type.
        BodyTooLargeError: it is larger than MAX_BODY_BYTES.
    """
    resource = _parsed(body)
    if resource.get("resourceType") != resource_type:
        raise NotFhirError("'resourceType' of the body is not that of the address; they must be the same")
    named = {**resource, "id": logical_id}
    return _read_all({"resourceType": "Bundle", "type": "batch", "entry": [{"resource": named}]}, received_at, body)


def _read_all(bundle: Json, received_at: datetime, body: bytes) -> BundleReading:
    # Looked for in the bytes first: walking through every resource for what hardly any bears would slow them all.
    modifiers = tuple(name for name in _MODIFIERS if name.encode() in body)
    entries = _entries(bundle)
    context = BundleContext(
        received_at=received_at,
        codes=code_map(),
        full_urls={entry.full_url: entry.source for entry in reversed(entries) if entry.full_url},
        resources={entry.source: entry.resource for entry in entries if not entry.is_duplicate},
    )
    facts = [fact for entry in entries for fact in _read(entry, context, modifiers)]
    told_at = {entry.source: _told_at(entry.resource, received_at) for entry in entries}
    told = {fact.source for fact in facts if isinstance(fact, Event) and fact.kind not in _OF_THE_STAY}
    subjects = {one: context.reference(context.resources[one], "subject", "Patient") for one in told}
    return replace(_assemble(text(bundle, "type"), entries, facts), told_at=told_at, subjects=subjects)


def _told_at(resource: Json, received_at: datetime) -> datetime:
    try:
        told = instant(child(resource, "meta"), "lastUpdated") or instant(resource, "issued")
    except RefusedError:
        # The resource's own reading records this refusal.
        return received_at
    return received_at if told is None else min(told, received_at)


def _read(entry: _Entry, context: BundleContext, modifiers: Sequence[str]) -> Sequence[_Fact]:
    try:
        _refuse_request(entry)
        _refuse_what_is_no_fact(entry)
        for name in modifiers:
            _refuse_modified(entry.resource, name)
        return _reader_for(entry)(entry.resource, entry.source, context)
    except RefusedError as error:
        return [ResourceRefusal(source=entry.source, reason_code=error.code, reason=str(error))]


def _assemble(bundle_type: str, entries: Sequence[_Entry], facts: Sequence[_Fact]) -> BundleReading:
    patients = tuple(fact for fact in facts if isinstance(fact, PatientReading))
    merges = tuple(fact for fact in facts if isinstance(fact, PatientMerge))
    stays = tuple(fact for fact in facts if isinstance(fact, StayReading))
    events = [fact for fact in facts if isinstance(fact, Event)]
    events += [event for stay in stays for who in patients for event in _identity(who, stay)]
    return BundleReading(
        bundle_type=bundle_type,
        patients=patients,
        merges=merges,
        stays=stays,
        events=tuple(sorted(events, key=lambda event: (event.event_time, event.source, event.code))),
        refusals=tuple(fact for fact in facts if isinstance(fact, ResourceRefusal)),
        entries=tuple(entry.source for entry in entries),
    )


def _identity(who: PatientReading, stay: StayReading) -> tuple[Event, ...]:
    return who.events(stay.stay_id, stay.admitted_at) if who.patient_id == stay.patient_id else ()


def _refuse_request(entry: _Entry) -> None:
    """Refuse what `Bundle.entry.request` asks for and is not done here (R4 3.1.0.11): it would be done otherwise."""
    if not entry.request:
        return
    method, (kind, _, logical_id) = text(entry.request, "method"), text(entry.request, "url").partition("/")
    if method not in {"POST", "PUT", "DELETE"}:
        raise RefusedError(
            RefusalCode.MALFORMED, f"'request.method' '{shown(method)}' is not taken; POST, PUT or DELETE"
        )
    if "ifNoneExist" in entry.request or "?" in kind + logical_id:
        raise RefusedError(RefusalCode.MALFORMED, "conditional requests are not taken; send it as PUT Type/id")
    if method == "PUT" and f"{kind}/{logical_id}" != entry.source and not entry.is_duplicate:
        raise RefusedError(
            RefusalCode.MALFORMED, "'request.url' is not 'Type/id' of the resource; they must be the same"
        )


def _refuse_modified(found: object, name: str) -> None:
    """Refuse what bears the element *name*: it may turn the meaning of the rest (R4 2.4.1.1, 2.12.1)."""
    if isinstance(found, dict):
        if name in found:
            raise RefusedError(
                RefusalCode.MALFORMED, f"'{name}' may change the meaning of the rest, and is not known here"
            )
        for part in found.values():
            _refuse_modified(part, name)
    elif isinstance(found, list):
        for part in found:
            _refuse_modified(part, name)


def _refuse_what_is_no_fact(entry: _Entry) -> None:
    if entry.is_duplicate:
        raise RefusedError(RefusalCode.DUPLICATE, "the Bundle holds this resource before; only the first is taken")
    if not entry.source.partition("/")[2]:
        raise RefusedError(RefusalCode.MALFORMED, "the entry holds no resource with an id or fullUrl; one is required")
    if text(entry.resource, "status") == "entered-in-error":
        raise RefusedError(RefusalCode.ENTERED_IN_ERROR, "'status' is 'entered-in-error'; earlier facts are withdrawn")


def _reader_for(entry: _Entry) -> _Reader:
    reader = _READERS.get(text(entry.resource, "resourceType"))
    if reader is None:
        readable = ", ".join(_READERS)
        raise RefusedError(RefusalCode.UNSUPPORTED_TYPE, f"this resource type is not read; readable: {readable}")
    return reader


def _parsed(body: bytes) -> Json:
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLargeError(f"the body has {len(body)} bytes; at most {MAX_BODY_BYTES}: send smaller Bundles")
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotFhirError("the body is no JSON; FHIR R4 in application/fhir+json is required") from error
    if not isinstance(found, dict):
        raise NotFhirError("the body is no JSON object; a FHIR R4 resource is required")
    return found


def _bundle(body: bytes) -> Json:
    bundle = _parsed(body)
    if bundle.get("resourceType") != "Bundle":
        raise NotFhirError("the body is no Bundle; put the resources into a Bundle of type transaction or batch")
    if bundle.get("type") not in _BUNDLE_TYPES:
        raise NotFhirError(f"the Bundle's type is not taken; required one of {', '.join(_BUNDLE_TYPES)}")
    return bundle


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def _entries(bundle: Json) -> list[_Entry]:
    found = bundle.get("entry", [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise NotFhirError("the Bundle's 'entry' is not an array of objects")
    if len(found) > MAX_ENTRIES:
        raise BodyTooLargeError(f"the Bundle has {len(found)} entries; at most {MAX_ENTRIES}: send smaller Bundles")
    seen: set[str] = set()
    entries = []
    for position, item in enumerate(found):
        full_url = item["fullUrl"] if isinstance(item.get("fullUrl"), str) else ""
        resource = item["resource"] if isinstance(item.get("resource"), dict) else _deleted(item)
        source = _source(resource, full_url)
        is_duplicate = bool(source) and source in seen
        # What has no name of its own, or another's, goes by its place: each entry gets its own answer.
        name = source if source and not is_duplicate else f"entry[{position}]"
        request = item["request"] if isinstance(item.get("request"), dict) else {}
        entries.append(
            _Entry(source=name, full_url=full_url, resource=resource, request=request, is_duplicate=is_duplicate)
        )
        seen.add(source)
    return entries


def _deleted(item: Json) -> Json:
    """What ``DELETE Type/id`` names, as the resource that says of itself that it is in error (R4 3.1.0.11)."""
    request = item.get("request")
    if not isinstance(request, dict) or request.get("method") != "DELETE":
        return {}
    kind, _, logical_id = str(request.get("url", "")).partition("/")
    return {"resourceType": kind, "id": logical_id, "status": "entered-in-error"}


def _source(resource: Json, full_url: str) -> str:
    resource_type = resource.get("resourceType")
    logical_id = resource.get("id") or full_url.rpartition(":")[2].rpartition("/")[2]
    return f"{resource_type}/{logical_id}" if is_id(resource_type) and is_id(logical_id) else ""
