"""What Bundles and messages told, kept in one transaction before they are acknowledged."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Dialect

from ehr_io.events import EventKind
from ehr_io.receive.reading import RefusalCode, ResourceRefusal
from ehr_io.told import Telling, Told
from serving.records import patients
from serving.records.kept_connection import KeptConnection
from serving.records.known import PLACES, Known, Questions, Wanted
from serving.records.questions import Row
from serving.records.stay_orders import StayOrders, Writes
from serving.records.stays import StayStatus
from serving.records.versions import Changes, SourceState, apply

#: Place among what was told -> what of it was denied, and why.
Denied = Mapping[int, Sequence[ResourceRefusal]]
_PATIENT = "Patient/"
_ANOTHERS = "the patient that it names is not the one whose the stay is; check both, or send it again after the merge"
_ADMISSION = EventKind.ADMISSION.value
_NEW_STAY: Row = {
    "patient_name": "",
    "ward": "",
    "status": StayStatus.EXPECTED.value,
    "generation": 0,
    "known_until": datetime.min.replace(tzinfo=UTC),
    "due_at": None,
    "scored_as_of": None,
}


class StayIntake:
    """Keeps what is told in one database."""

    def __init__(self, dialect: Dialect) -> None:
        """Make the statements for a database of *dialect*."""
        self._questions = Questions(dialect)
        self._orders = StayOrders(dialect)

    def keep(self, connection: Connection, tolds: Sequence[Told], now: datetime) -> Denied:
        """Keep all that *tolds* said, in their order; stays of which something new is known fall due.

        What names another patient than the one whose the stay is, is not kept: its refusals by the place in *tolds*.

        Two processes that keep at the same time take turns: which version of a source holds is decided on what is
        there.
        """
        driver: Any = connection.connection.driver_connection
        group = self._group(driver, tolds, now)
        self._orders.write(driver, group.keep())
        return group.denied

    def keep_alone(self, kept: KeptConnection, tolds: Sequence[Told], now: datetime) -> Denied:
        """Keep all that *tolds* said as `keep` does, in a transaction that holds nothing else.

        To PostgreSQL its beginning goes with the questions and its end with the rows.

        Raises:
            DatabaseDownError: nothing was kept.
        """
        with kept.writing() as driver:
            group = self._group(driver, tolds, now)
            self._orders.write_and_commit(driver, group.keep())
        return group.denied

    def _group(self, driver: Any, tolds: Sequence[Told], now: datetime) -> "_Group":
        return _Group(known=Known(self._questions, driver), tolds=tolds, now=now)


def keep_told(connection: Connection, tolds: Sequence[Told], now: datetime) -> None:
    """Keep *tolds* as `StayIntake` does, for who does it once."""
    StayIntake(connection.dialect).keep(connection, tolds, now)


@dataclass(kw_only=True)
class _Group:
    """Tellings that are kept together, and what comes of them."""

    known: Known
    tolds: Sequence[Told]
    now: datetime
    changes: Changes = field(default_factory=Changes)
    #: By source, or by stay for who its patient is.
    states: dict[str, SourceState] = field(default_factory=dict)
    #: Stay of which something changed -> the newest moment that something of it was known.
    touched: dict[str, datetime] = field(default_factory=dict)
    #: Those of which it changed where the patient is: admission, ward, discharge.
    moved: set[str] = field(default_factory=set)
    #: By the place of its telling: what named another patient.
    denied: dict[int, Sequence[ResourceRefusal]] = field(default_factory=dict)

    def keep(self) -> Writes:
        """All that is to be written."""
        self._read([one for told in self.tolds for one in told.tellings])
        self._deny()
        tellings = [one for told in self.tolds for one in told.tellings]
        names = patients.keep_patients(self.known, self.tolds)
        owners = {one.stay_id: one.patient_id for one in tellings if one.patient_id and not self._owner(one.stay_id)}
        owners |= {stay: who for told in self.tolds for stay, who in told.owners.items()}
        owners = {stay: names.get(who, who) for stay, who in owners.items()}
        self._keep_stays(owners, {one.stay_id for one in tellings if one.stay_id} | set(owners))
        self._apply(tellings)
        # A withdrawal does not tell of which stay it is.
        self.known.read(Wanted(stays=frozenset(self.touched), standing=frozenset(self.moved)))
        places = self._places()
        admissions = {
            stay: [row["event_time"] for row in rows if row["kind"] == _ADMISSION] for stay, rows in places.items()
        }
        people = {names.get(who, who) for who in patients.spoken_of(self.tolds)}
        self._apply(patients.identity_tellings(self.known, people, admissions, self.now))
        self._settle(places)
        return Writes(known=self.known, changes=self.changes, tolds=self.tolds, now=self.now)

    def _read(self, tellings: Sequence[Telling]) -> None:
        stays = {one.stay_id for one in tellings} | {stay for told in self.tolds for stay in told.owners}
        standing = {one.stay_id for one in tellings if not one.events or _is_of_places(one, ())}
        sources = {one.source for one in tellings if not one.source.startswith(_PATIENT)}
        self.known.read(
            Wanted(
                patients=patients.named_in(self.tolds),
                people=patients.spoken_of(self.tolds),
                stays=frozenset(stays - {""}),
                standing=frozenset(standing - {""}),
                sources=frozenset(sources),
            )
        )
        patients.read_remaining(self.known)

    def _deny(self) -> None:
        """Take out what names another patient than the one whose the stay is: its facts would count for him."""
        names = patients.names_after(self.known, self.tolds)
        owners = {stay: who for told in self.tolds for stay, who in told.owners.items()}
        tolds = list(self.tolds)
        for place, told in enumerate(tolds):
            wrong = []
            for one in told.tellings:
                owner = one.patient_id and (owners.get(one.stay_id) or self._owner(one.stay_id))
                if owner and names.get(owner, owner) != names.get(one.patient_id, one.patient_id):
                    wrong.append(one)
            if wrong:
                self.denied[place] = [_denial(one) for one in wrong]
                tolds[place] = _without(told, wrong, self.denied[place])
        self.tolds = tolds

    def _owner(self, stay_id: str) -> str:
        """Whose the stay is; empty when it is not known."""
        row = self.known.stays.by_key.get(stay_id)
        return "" if row is None else str(row["patient_id"])

    def _keep_stays(self, owners: Mapping[str, str], stay_ids: AbstractSet[str]) -> None:
        """Make the stays that are new, and say whose they are where that is new."""
        for stay_id in stay_ids:
            if stay_id not in self.known.stays.by_key:
                self.known.stays.add(stay_id, {"stay_id": stay_id, "patient_id": owners.get(stay_id, "")} | _NEW_STAY)
            elif stay_id in owners and self.known.stays.change(stay_id, {"patient_id": owners[stay_id]}):
                self._touch(stay_id, self.now)

    def _apply(self, tellings: Sequence[Telling]) -> None:
        self._know_states(tellings)
        for telling in tellings:
            state = self.states[_key(telling)]
            before = state.rows
            if apply(telling, state, self.changes):
                newest = max((event.known_time for event in telling.events), default=telling.told_at)
                stay_ids = {*(row["stay_id"] for row in before), telling.stay_id} - {""}
                for stay_id in stay_ids:
                    self._touch(stay_id, newest)
                if _is_of_places(telling, before):
                    self.moved |= stay_ids

    def _know_states(self, tellings: Sequence[Telling]) -> None:
        """What is kept of the sources of *tellings*."""
        new = {key: one.source for one in tellings if (key := _key(one)) not in self.states}
        for key, source in new.items():
            self.states[key] = SourceState(told_at=self.known.withdrawn.get(source))
        for row in self.known.events:
            key = f"patient of {row['stay_id']}" if row["kind"] == EventKind.PATIENT.value else row["source"]
            if key in new and row["current"]:
                self.states[key].rows.append(row)
                self.states[key].told_at = row["told_at"]

    def _touch(self, stay_id: str, moment: datetime) -> None:
        self.touched[stay_id] = max(moment, self.touched.get(stay_id, moment))

    def _places(self) -> dict[str, list[Row]]:
        """Stay -> what is known now of where its patient is, in order of time."""
        places: dict[str, list[Row]] = defaultdict(list)
        for row in (*self.known.events, *self.changes.added):
            if row["current"] and row["kind"] in PLACES:
                places[row["stay_id"]].append(row)
        return {stay: sorted(rows, key=lambda row: row["event_time"]) for stay, rows in places.items()}

    def _settle(self, places: Mapping[str, Sequence[Row]]) -> None:
        """Say where each touched stay stands, and let it fall due when it can be scored."""
        stays = self.known.stays
        for stay_id, newest in self.touched.items():
            stay = stays.by_key[stay_id]
            if stay_id in self.moved:
                stays.change(stay_id, _standing(places.get(stay_id, ()), StayStatus(stay["status"])))
            is_scored = stay["patient_id"] and stay["status"] in {StayStatus.OPEN.value, StayStatus.ENDED.value}
            due_at = self.now if is_scored else None
            stays.change(stay_id, {"known_until": max(stay["known_until"], newest), "due_at": due_at})
            # Also where it was due before: a worker may have closed it since it was read.
            stays.changed.add(stay_id)


def _denial(telling: Telling) -> ResourceRefusal:
    return ResourceRefusal(source=telling.source, reason_code=RefusalCode.WRONG_PATIENT, reason=_ANOTHERS)


def _without(told: Told, wrong: Sequence[Telling], refusals: Sequence[ResourceRefusal]) -> Told:
    """*told* without what is *wrong*; of a transaction, nothing but the reasons."""
    reasons = (*told.refusals, *refusals)
    if told.is_whole:
        return Told(door=told.door, refusals=reasons)
    return replace(told, tellings=tuple(one for one in told.tellings if one not in wrong), refusals=reasons)


def _is_of_places(telling: Telling, before: Sequence[Row]) -> bool:
    kinds = {row["kind"] for row in before} | {event.kind.value for event in telling.events}
    return not kinds.isdisjoint(PLACES)


def _key(telling: Telling) -> str:
    # A stay has one patient, also when a merge gives him another name; all else goes by its source.
    return f"patient of {telling.stay_id}" if telling.source.startswith(_PATIENT) else telling.source


def _standing(places: Sequence[Row], before: StayStatus) -> Row:
    wards = [row["code"] for row in places if row["kind"] == EventKind.WARD.value]
    return {"ward": wards[-1] if wards else "", "status": _status({row["kind"] for row in places}, before).value}


def _status(kinds: set[str], before: StayStatus) -> StayStatus:
    if _ADMISSION in kinds:
        return StayStatus.ENDED if EventKind.DISCHARGE.value in kinds else StayStatus.OPEN
    return StayStatus.EXPECTED if before is StayStatus.EXPECTED else StayStatus.CANCELLED
