"""Who the patients are, and which identities turned out to be one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from ehr_io.events import EventKind
from ehr_io.receive.reading import PatientReading
from ehr_io.told import Telling, Told
from serving.records.schema import EVENT, RISK, STAY
from serving.records.stay_schema import PATIENT

_CHUNK = 500
_KNOWN = select(PATIENT).where(PATIENT.c.patient_id.in_(bindparam("ids", expanding=True)))
_ADMITTED = (
    select(STAY.c.stay_id, STAY.c.patient_id, EVENT.c.event_time)
    .join(EVENT, EVENT.c.stay_id == STAY.c.stay_id)
    .where(
        STAY.c.patient_id.in_(bindparam("ids", expanding=True)),
        EVENT.c.current,
        EVENT.c.kind == EventKind.ADMISSION.value,
    )
)


def keep_patients(connection: Connection, tolds: Sequence[Told]) -> dict[str, str]:
    """Keep who the patients of *tolds* are; identities that were given up -> the one that remains."""
    told = {reading.patient_id: reading for one in tolds for reading in one.patients}
    merges = [merge for one in tolds for merge in one.merges]
    asked = {*told, *(owner for one in tolds for owner in one.owners.values())}
    asked |= {name for merge in merges for name in (merge.prior_id, merge.surviving_id)}
    known = _known(connection, sorted(asked))
    new = [_row(told.get(name), name) for name in sorted(asked) if name not in known]
    if new:
        connection.execute(insert(PATIENT), new)
    for name, reading in told.items():
        if name in known and (changed := _changes(known[name], reading)):
            connection.execute(update(PATIENT).where(PATIENT.c.patient_id == name).values(**changed))
    names = {name: row["merged_into"] for name, row in known.items() if row["merged_into"]}
    for merge in merges:
        _merge(connection, merge.prior_id, _remaining(names, merge.surviving_id), names)
    return {name: _remaining(names, name) for name in names}


def identity_tellings(
    connection: Connection, owners: Mapping[str, str], tolds: Sequence[Told], names: Mapping[str, str], now: datetime
) -> list[Telling]:
    """Birth, sex and death as facts of each admitted stay of the patients that *tolds* spoke of."""
    spoken_of = {names.get(one.patient_id, one.patient_id) for told in tolds for one in told.patients}
    spoken_of |= {names.get(merge.surviving_id, merge.surviving_id) for told in tolds for merge in told.merges}
    admitted = {one.stay_id for told in tolds for one in told.tellings if _is_admission(one)}
    spoken_of |= {owner for stay, owner in owners.items() if stay in admitted}
    return [
        telling
        for start in range(0, len(spoken_of), _CHUNK)
        for telling in _of_patients(connection, sorted(spoken_of)[start : start + _CHUNK], now)
    ]


def _of_patients(connection: Connection, patient_ids: Sequence[str], now: datetime) -> list[Telling]:
    facts = _known(connection, patient_ids)
    return [
        Telling(source=who.source, stay_id=stay.stay_id, told_at=now, events=events)
        for stay in connection.execute(_ADMITTED, {"ids": patient_ids})
        if (events := (who := _reading(facts[stay.patient_id])).events(stay.stay_id, stay.event_time))
    ]


def _is_admission(telling: Telling) -> bool:
    return any(event.kind is EventKind.ADMISSION for event in telling.events)


def _known(connection: Connection, patient_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(patient_ids), _CHUNK):
        rows = connection.execute(_KNOWN, {"ids": patient_ids[start : start + _CHUNK]}).mappings()
        found |= {row["patient_id"]: dict(row) for row in rows}
    return found


def _row(reading: PatientReading | None, name: str) -> dict[str, Any]:
    return {
        "patient_id": name,
        "birth_date": None if reading is None else reading.birth_date,
        "sex": "" if reading is None else reading.sex,
        "died_at": None if reading is None else reading.died_at,
        "merged_into": "",
    }


def _changes(known: Mapping[str, Any], reading: PatientReading) -> dict[str, Any]:
    """What *reading* says that is not known yet; what it leaves out is kept."""
    told = {"birth_date": reading.birth_date, "sex": reading.sex, "died_at": reading.died_at}
    return {name: value for name, value in told.items() if value and value != known[name]}


def _reading(row: Mapping[str, Any]) -> PatientReading:
    return PatientReading(
        patient_id=row["patient_id"],
        source=f"Patient/{row['patient_id']}",
        birth_date=row["birth_date"],
        sex=row["sex"],
        died_at=row["died_at"],
    )


def _merge(connection: Connection, prior: str, surviving: str, names: dict[str, str]) -> None:
    """The stays and risks of *prior* are those of *surviving* from now on; told twice, it is one merge."""
    if prior == surviving:
        return
    names[prior] = surviving
    connection.execute(update(PATIENT).where(PATIENT.c.patient_id == prior).values(merged_into=surviving))
    for table in (STAY, RISK):
        connection.execute(update(table).where(table.c.patient_id == prior).values(patient_id=surviving))


def _remaining(names: Mapping[str, str], name: str) -> str:
    """The identity that *name* goes by after all merges; a circle ends where it began."""
    seen = {name}
    while (following := names.get(name, "")) and following not in seen:
        seen.add(following)
        name = following
    return name
