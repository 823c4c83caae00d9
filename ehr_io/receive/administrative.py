"""Patient and Encounter (FHIR R4) become readings and events."""

from ehr_io.events import Event, EventKind
from ehr_io.receive.context import BundleContext
from ehr_io.receive.fields import Json, birth_date, child, children, instant, shown, text
from ehr_io.receive.reading import PatientMerge, PatientReading, RefusalCode, RefusedError, StayReading

#: R4 EncounterStatus codes of a stay that has not begun or never will.
_NOT_BEGUN = {"planned", "cancelled"}
#: R4 AdministrativeGender codes; another is as good as not told.
_SEXES = {"male", "female", "other", "unknown"}
_ELSEWHERE = {"planned", "reserved"}


def patient(resource: Json, source: str, context: BundleContext) -> list[PatientReading | PatientMerge]:
    """Birth date, sex and death; the identity that replaces this one (Patient.link ``replaced-by``).

    Raises:
        RefusedError: the birth date is no date, or after an admission in the same Bundle.
    """
    born = birth_date(resource)
    sex = text(resource, "gender")
    reading = PatientReading(
        patient_id=source.partition("/")[2],
        source=source,
        birth_date=born,
        sex=sex if sex in _SEXES else "",
        died_at=instant(resource, "deceasedDateTime"),
    )
    # A day's grace: a child born at the hospital may be admitted on a UTC day before its local birth date.
    if born is not None and any((born - s.admitted_at.date()).days > 1 for s in _stays_of(reading.patient_id, context)):
        raise RefusedError(RefusalCode.NEGATIVE_AGE, "'birthDate' is after the patient's admission; check both")
    links = [link for link in children(resource, "link") if text(link, "type") == "replaced-by"]
    remaining = [context.reference(link, "other", "Patient") for link in links]
    return [reading, *(PatientMerge(prior_id=reading.patient_id, surviving_id=one) for one in remaining)]


def stay(resource: Json, source: str, context: BundleContext) -> StayReading:
    """Whose stay it is, and when it began.

    Raises:
        RefusedError: the stay has not begun, or patient or start is not told.
    """
    status = text(resource, "status")
    if status in _NOT_BEGUN:
        raise RefusedError(
            RefusalCode.NOT_DONE,
            f"'status' is '{status}'; only a stay that has begun is taken, and what was told is withdrawn",
        )
    patient_id = context.reference(resource, "subject", "Patient")
    start, _ = context.period(child(resource, "period"), "period")
    return StayReading(stay_id=source.partition("/")[2], patient_id=patient_id, admitted_at=start)


def encounter(resource: Json, source: str, context: BundleContext) -> list[StayReading | Event]:
    """The stay with its admission, wards and discharge.

    They are known from the moment they happen: patient administration is registered on the spot, and a later copy of
    the same Encounter must not make an old admission look new.

    Raises:
        RefusedError: the resource cannot be taken.
    """
    reading = stay(resource, source, context)
    encounter_class = text(child(resource, "class"), "code")
    if encounter_class not in context.codes.encounter_classes:
        raise context.refuse_code("'class'", encounter_class)
    start, end = context.period(child(resource, "period"), "period")
    admission = Event(
        stay_id=reading.stay_id,
        source=source,
        kind=EventKind.ADMISSION,
        code=encounter_class,
        event_time=start,
        known_time=start,
        end_time=end,
    )
    wards = [_ward(place, admission, context) for place in children(resource, "location") if _was_there(place)]
    return [reading, admission, *wards, *_discharge(admission)]


def _stays_of(patient_id: str, context: BundleContext) -> list[StayReading]:
    readings = []
    for source, resource in context.resources.items():
        if source.startswith("Encounter/"):
            try:
                readings.append(stay(resource, source, context))
            except RefusedError:
                continue  # The Encounter's own reading records this refusal.
    return [reading for reading in readings if reading.patient_id == patient_id]


def _was_there(place: Json) -> bool:
    return text(place, "status") not in _ELSEWHERE


def _ward(place: Json, admission: Event, context: BundleContext) -> Event:
    whole_stay = (admission.event_time, admission.end_time)
    start, end = context.period(child(place, "period"), "location.period") if "period" in place else whole_stay
    return Event(
        stay_id=admission.stay_id,
        source=admission.source,
        kind=EventKind.WARD,
        code=_ward_code(place, context),
        event_time=start,
        known_time=start,
        end_time=end,
    )


def _ward_code(place: Json, context: BundleContext) -> str:
    location = child(place, "location")
    identifier = text(child(location, "identifier"), "value")
    return shown(identifier) or context.reference(place, "location", "Location")


def _discharge(admission: Event) -> list[Event]:
    end = admission.end_time
    if end is None:
        return []
    discharge = Event(
        stay_id=admission.stay_id,
        source=admission.source,
        kind=EventKind.DISCHARGE,
        code=admission.code,
        event_time=end,
        known_time=end,
    )
    return [discharge]
