"""The region as FHIR R4 resources, by type, as a bulk export gives them."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from ehr_io.codes import code_map
from ehr_io.events import EventKind, Stay
from training.phantoms.region.measurements import Rounds
from training.phantoms.region.people import Person
from training.phantoms.region.region import START, Region
from training.phantoms.stay_fhir import stay_resources

_CPR = "urn:oid:1.2.208.176.1.2"


def stay_lines(person: Person, stays: list[Stay]) -> Iterator[tuple[str, str]]:
    """Resource type and JSON of every resource of *person* but his Observations."""
    yield "Patient", _dump(_patient(person))
    for stay in stays:
        told = [event for event in stay.events if event.kind not in {EventKind.PATIENT, EventKind.OBSERVATION}]
        for resource in stay_resources(told, person.patient_id):
            yield resource["resourceType"], _dump(resource)


def observation_lines(region: Region) -> Iterator[str]:
    """Every Observation as JSON: nine of ten resources, so they are written from the columns."""
    owners = [(encounter.stay_id, person.patient_id) for person, encounter in region.encounters()]
    for rounds in region.rounds:
        taken, known = _isoformat(rounds.minutes), _isoformat(rounds.known)
        heads = [_head(one.code) for one in rounds.panel.measured]
        rows, columns = np.nonzero(~np.isnan(rounds.values))
        values = rounds.values[rows, columns].tolist()
        for row, column, value in zip(rows.tolist(), columns.tolist(), values, strict=True):
            stay_id, patient_id = owners[rounds.stays[row]]
            code, unit = heads[column]
            yield (
                f'{{"resourceType":"Observation","id":"{_name(rounds, stay_id, row, column)}","status":"final",{code}'
                f'"subject":{{"reference":"Patient/{patient_id}"}},"encounter":{{"reference":"Encounter/{stay_id}"}},'
                f'"effectiveDateTime":"{taken[row]}","issued":"{known[row]}","valueQuantity":{{"value":{value},{unit}}}}}'
            )


def _name(rounds: Rounds, stay_id: str, row: int, column: int) -> str:
    return f"{stay_id}-{rounds.panel.name}-{rounds.minutes[row]}-{column}"


def _head(code: str) -> tuple[str, str]:
    coding, unit = code_map().coding_of(code), code_map().concepts[code].unit
    quantity = f'"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"'
    return f'"code":{{"coding":[{{"system":"{coding.system}","code":"{coding.code}"}}]}},', quantity


def _isoformat(minutes: np.ndarray) -> list[str]:
    start = np.datetime64(START.replace(tzinfo=None), "m")
    moments = np.datetime_as_string(start + minutes.astype("timedelta64[m]"), unit="s")
    return [f"{moment}+00:00" for moment in moments.tolist()]


def _patient(person: Person) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": person.patient_id,
        "identifier": [{"system": _CPR, "value": person.civil_number}],
        "name": [{"family": person.name[1], "given": [person.name[0]]}],
        "gender": "female" if person.is_female else "male",
        "birthDate": person.born.isoformat(),
    }


def _dump(resource: dict[str, Any]) -> str:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
