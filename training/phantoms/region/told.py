"""The region as stays with their events: what definitions, features and backtests read."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from ehr_io.codes import code_map
from ehr_io.events import Event, EventKind, Stay
from ehr_io.receive.reading import PatientReading
from training.phantoms.region.people import Encounter, Person
from training.phantoms.region.plan import PlannedOperation, PlannedSample
from training.phantoms.region.region import Region, moment


def region_stays(region: Region) -> Iterator[tuple[Person, list[Stay]]]:
    """Each patient with his stays; events as HL7 and FHIR tell them, with the same times."""
    by_stay: dict[str, list[Event]] = defaultdict(list)
    for event in _events(region):
        by_stay[event.stay_id].append(event)
    for person in region.people:
        encounters = [part for contact in person.contacts for part in contact.encounters]
        yield person, [_stay(person, one, by_stay[one.stay_id], region.until) for one in encounters]


def _stay(person: Person, encounter: Encounter, told: list[Event], until: int) -> Stay:
    who = PatientReading(
        patient_id=person.patient_id,
        source=f"Patient/{person.patient_id}",
        birth_date=person.born,
        sex="female" if person.is_female else "male",
    )
    identity = who.events(encounter.stay_id, moment(encounter.start))
    events = [*identity, *_places(encounter, until), *told]
    ordered = sorted(events, key=lambda event: (event.event_time, event.source, event.code))
    return Stay(stay_id=encounter.stay_id, patient_id=person.patient_id, events=tuple(ordered))


def _places(encounter: Encounter, until: int) -> Iterator[Event]:
    start = moment(encounter.start)
    end = moment(encounter.end) if encounter.end < until else None
    yield _place(encounter, EventKind.ADMISSION, "IMP", (start, end))
    for segment in encounter.segments:
        left = moment(segment.end) if segment.end < until else None
        yield _place(encounter, EventKind.WARD, segment.ward.code, (moment(segment.start), left))
    if end is not None:
        yield _place(encounter, EventKind.DISCHARGE, "IMP", (end, None))


def _place(encounter: Encounter, kind: EventKind, code: str, times: tuple[datetime, datetime | None]) -> Event:
    return Event(
        stay_id=encounter.stay_id,
        source=f"Encounter/{encounter.stay_id}",
        kind=kind,
        code=code,
        event_time=times[0],
        known_time=times[0],
        end_time=times[1],
    )


def _events(region: Region) -> Iterator[Event]:
    yield from (_sample(sample) for sample in region.samples)
    yield from (_operation(operation) for operation in region.operations)
    for one in region.catheters:
        start = moment(one.start)
        yield Event(
            stay_id=one.stay_id,
            source=f"Procedure/{one.number}",
            kind=EventKind.PROCEDURE,
            code="urinary_catheter",
            event_time=start,
            known_time=start + timedelta(minutes=30),
            end_time=moment(one.end) if one.end < region.until else None,
        )
    for dose in region.doses:
        given = moment(dose.minute)
        yield Event(
            stay_id=dose.stay_id,
            source=f"MedicationAdministration/{dose.stay_id}-{dose.minute}",
            kind=EventKind.MEDICATION,
            code="antibiotic",
            event_time=given,
            known_time=given + timedelta(minutes=5),
        )
    yield from _measured(region)


def _sample(sample: PlannedSample) -> Event:
    return Event(
        stay_id=sample.contact.stay_at(sample.minute),
        source=f"DiagnosticReport/{sample.number}",
        kind=EventKind.REPORT,
        code=sample.specimen,
        event_time=moment(sample.minute),
        known_time=moment(sample.answered),
        value=sample.cfu_per_ml,
        unit="" if sample.cfu_per_ml is None else "[CFU]/mL",
        text=" ".join(sorted(sample.organisms)),
    )


def _operation(operation: PlannedOperation) -> Event:
    said = [operation.side] if operation.is_planned else ["acute", operation.side]
    at = moment(operation.minute)
    return Event(
        stay_id=operation.contact.stay_at(operation.minute),
        source=f"Procedure/{operation.number}",
        kind=EventKind.PROCEDURE,
        code=f"{operation.joint}_{'reoperation' if operation.is_again else 'replacement'}",
        event_time=at,
        known_time=at + timedelta(minutes=90),
        text=" ".join(said),
    )


def _measured(region: Region) -> Iterator[Event]:
    stays = [encounter.stay_id for _, encounter in region.encounters()]
    units = {key: concept.unit for key, concept in code_map().concepts.items()}
    for rounds in region.rounds:
        codes = [one.code for one in rounds.panel.measured]
        for row, column in zip(*np.nonzero(~np.isnan(rounds.values)), strict=True):
            stay_id, code = stays[rounds.stays[row]], codes[column]
            yield Event(
                stay_id=stay_id,
                source=f"Observation/{stay_id}-{rounds.panel.name}-{rounds.minutes[row]}-{column}",
                kind=EventKind.OBSERVATION,
                code=code,
                event_time=moment(rounds.minutes[row]),
                known_time=moment(rounds.known[row]),
                value=float(rounds.values[row, column]),
                unit=units[code],
            )
