"""Who the patients are, and which identities turned out to be one."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from ehr_io.events import EventKind
from ehr_io.receive.reading import PatientReading
from ehr_io.told import Telling, Told
from serving.records.known import Known, Wanted
from serving.records.questions import Row


def named_in(tolds: Sequence[Told]) -> frozenset[str]:
    """Identities that *tolds* name."""
    readings = {reading.patient_id for told in tolds for reading in told.patients}
    owners = {owner for told in tolds for owner in told.owners.values()}
    return frozenset(readings | _merged(tolds) | owners | _claimed(tolds))


def spoken_of(tolds: Sequence[Told]) -> frozenset[str]:
    """Patients whose stays may change by what *tolds* say of them: identity, merge, admission."""
    readings = {reading.patient_id for told in tolds for reading in told.patients}
    admitted = {one.stay_id for told in tolds for one in told.tellings if _is_admission(one)}
    owners = {owner for told in tolds for stay, owner in told.owners.items() if stay in admitted}
    return frozenset(readings | _merged(tolds) | owners)


def _claimed(tolds: Sequence[Told]) -> set[str]:
    return {one.patient_id for told in tolds for one in told.tellings} - {""}


def names_after(known: Known, tolds: Sequence[Told]) -> dict[str, str]:
    """Identities that are given up, also by what *tolds* say -> the one that each leads to."""
    names = {name: row["merged_into"] for name, row in known.patients.by_key.items() if row["merged_into"]}
    for merge in (merge for told in tolds for merge in told.merges):
        surviving = _remaining(names, merge.surviving_id)
        names |= {merge.prior_id: surviving} if surviving != merge.prior_id else {}
    return {name: _remaining(names, name) for name in names}


def read_remaining(known: Known) -> None:
    """Know those too into whom the known ones were merged, to the end of the chain, and their stays."""
    while missing := {row["merged_into"] for row in known.patients.by_key.values()} - {"", *known.patients.by_key}:
        known.read(Wanted(patients=frozenset(missing), people=frozenset(missing)))


def keep_patients(known: Known, tolds: Sequence[Told]) -> dict[str, str]:
    """Keep who the patients of *tolds* are; identities that were given up -> the one that remains."""
    told = {reading.patient_id: reading for one in tolds for reading in one.patients}
    merges = [merge for one in tolds for merge in one.merges]
    for name in named_in(tolds):
        if name not in known.patients.by_key:
            known.patients.add(name, _row(told.get(name), name))
        elif name in told:
            known.patients.change(name, _said(told[name]))
    names = {name: row["merged_into"] for name, row in known.patients.by_key.items() if row["merged_into"]}
    for merge in merges:
        _merge(known, merge.prior_id, _remaining(names, merge.surviving_id), names)
    return {name: _remaining(names, name) for name in names}


def identity_tellings(
    known: Known, patient_ids: AbstractSet[str], admissions: Mapping[str, Sequence[datetime]], now: datetime
) -> list[Telling]:
    """Birth, sex and death of *patient_ids* as facts of each of their stays that has *admissions*."""
    return [
        Telling(source=who.source, stay_id=stay_id, told_at=now, events=events)
        for stay_id, stay in known.stays.by_key.items()
        if stay["patient_id"] in patient_ids
        for admitted_at in admissions.get(stay_id, ())
        if (events := (who := _reading(known.patients.by_key[stay["patient_id"]])).events(stay_id, admitted_at))
    ]


def _merged(tolds: Sequence[Told]) -> set[str]:
    return {name for told in tolds for merge in told.merges for name in (merge.prior_id, merge.surviving_id)}


def _is_admission(telling: Telling) -> bool:
    return any(event.kind is EventKind.ADMISSION for event in telling.events)


def _row(reading: PatientReading | None, name: str) -> Row:
    blank: Row = {"patient_id": name, "birth_date": None, "sex": "", "died_at": None, "merged_into": ""}
    return blank if reading is None else blank | _said(reading)


def _said(reading: PatientReading) -> Row:
    """What *reading* says; what it leaves out is kept."""
    told = {"birth_date": reading.birth_date, "sex": reading.sex, "died_at": reading.died_at}
    return {name: value for name, value in told.items() if value}


def _reading(row: Row) -> PatientReading:
    return PatientReading(
        patient_id=row["patient_id"],
        source=f"Patient/{row['patient_id']}",
        birth_date=row["birth_date"],
        sex=row["sex"],
        died_at=row["died_at"],
    )


def _merge(known: Known, prior: str, surviving: str, names: dict[str, str]) -> None:
    """The stays of *prior* are those of *surviving* from now on; told twice, it is one merge."""
    if prior == surviving:
        return
    names[prior] = surviving
    known.merged.append({"prior": prior, "remaining": surviving})
    known.patients.change(prior, {"merged_into": surviving})
    for stay_id, stay in known.stays.by_key.items():
        if stay["patient_id"] == prior:
            known.stays.change(stay_id, {"patient_id": surviving})


def _remaining(names: Mapping[str, str], name: str) -> str:
    """The identity that *name* goes by after all merges; a circle ends where it began."""
    seen = {name}
    while (following := names.get(name, "")) and following not in seen:
        seen.add(following)
        name = following
    return name
