"""What Bundles and messages told, kept in one transaction before they are acknowledged."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, bindparam, case, delete, insert, select, text, update

from ehr_io.events import EventKind
from ehr_io.told import Telling, Told
from serving.records import patients
from serving.records.columns import UtcDateTime
from serving.records.schema import EVENT, REFUSAL, STAY
from serving.records.stay_schema import WITHDRAWAL
from serving.records.stays import StayStatus
from serving.records.versions import Changes, EventRow, SourceState, apply

#: SQLite takes some thousands of bound values in a statement, PostgreSQL some ten thousands.
_CHUNK = 500
#: Any number will do, as long as every version uses the same.
_INTAKE_LOCK = 8_214_774
_PATIENT = "Patient/"
_PLACES = (EventKind.ADMISSION.value, EventKind.DISCHARGE.value, EventKind.WARD.value)

# Made once: building a statement costs more than SQLite needs to answer it, and a feed asks the same a thousand times
# a second.
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_OWNERS = select(STAY.c.stay_id, STAY.c.patient_id).where(STAY.c.stay_id.in_(bindparam("ids", expanding=True)))
_STAYS = select(STAY).where(STAY.c.stay_id.in_(bindparam("ids", expanding=True)))
_WITHDRAWN = select(WITHDRAWAL).where(WITHDRAWAL.c.source.in_(bindparam("ids", expanding=True)))
_TOLD = select(EVENT).where(EVENT.c.source.in_(bindparam("ids", expanding=True)), EVENT.c.current)
_IDENTITY = select(EVENT).where(
    EVENT.c.stay_id.in_(bindparam("ids", expanding=True)), EVENT.c.kind == EventKind.PATIENT.value, EVENT.c.current
)
_PLACES_OF = select(EVENT.c.stay_id, EVENT.c.kind, EVENT.c.code, EVENT.c.event_time).where(
    EVENT.c.stay_id.in_(bindparam("ids", expanding=True)), EVENT.c.current, EVENT.c.kind.in_(_PLACES)
)
_RETIRE = update(EVENT).where(EVENT.c.id == bindparam("row_id")).values(current=False, retired_time=bindparam("until"))
_SETTLE = (
    update(STAY)
    .where(STAY.c.stay_id == bindparam("key"))
    .values({name: bindparam(f"new_{name}") for name in ("ward", "status", "known_until", "due_at")})
)
_IS_SCORED = (STAY.c.patient_id != "") & (
    (STAY.c.status == StayStatus.OPEN.value) | (STAY.c.status == StayStatus.ENDED.value)
)
_NEWEST = bindparam("newest", type_=UtcDateTime())
_MORE_KNOWN = (
    update(STAY)
    .where(STAY.c.stay_id == bindparam("key"))
    .values(
        known_until=case((STAY.c.known_until < _NEWEST, _NEWEST), else_=STAY.c.known_until),
        due_at=case((_IS_SCORED, bindparam("now", type_=UtcDateTime())), else_=None),
    )
)


def keep_told(connection: Connection, tolds: Sequence[Told], now: datetime) -> None:
    """Keep all that *tolds* said, in their order; stays of which something new is known fall due.

    Two processes that keep at the same time take turns: which version of a source holds is decided on what is there.
    """
    _take_turn(connection)
    names = patients.keep_patients(connection, tolds)
    touched = _Touched()
    owners = {stay: names.get(who, who) for told in tolds for stay, who in told.owners.items()}
    _keep_stays(connection, owners, [one for told in tolds for one in told.tellings], touched, now)
    _keep_events(connection, [one for told in tolds for one in told.tellings], touched)
    identity = patients.identity_tellings(connection, owners, tolds, names, now)
    _keep_events(connection, identity, touched)
    _keep_refusals(connection, tolds, now)
    _settle_stays(connection, touched, now)


@dataclass(kw_only=True)
class _Touched:
    """Stays of which something changed."""

    #: Stay -> the newest moment that something of it was known.
    stays: dict[str, datetime] = field(default_factory=dict)
    #: Those of which it changed where the patient is: admission, ward, discharge.
    moved: set[str] = field(default_factory=set)

    def at(self, stay_id: str, moment: datetime) -> None:
        self.stays[stay_id] = max(moment, self.stays.get(stay_id, moment))


def _take_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"key": _INTAKE_LOCK})


def _keep_stays(
    connection: Connection,
    owners: Mapping[str, str],
    tellings: Sequence[Telling],
    touched: _Touched,
    now: datetime,
) -> None:
    """Make the stays that are new, and say whose they are where that is new."""
    wanted = {telling.stay_id for telling in tellings if telling.stay_id} | set(owners)
    known: dict[str, str] = {}
    for ids in _chunks(sorted(wanted)):
        known |= {row.stay_id: row.patient_id for row in connection.execute(_OWNERS, {"ids": ids})}
    new = [stay for stay in sorted(wanted) if stay not in known]
    if new:
        plain = {"status": StayStatus.EXPECTED.value, "generation": 0, "known_until": datetime.min.replace(tzinfo=UTC)}
        connection.execute(
            insert(STAY), [{"stay_id": stay, "patient_id": owners.get(stay, "")} | plain for stay in new]
        )
    for stay, owner in owners.items():
        if stay in known and known[stay] != owner:
            connection.execute(update(STAY).where(STAY.c.stay_id == stay).values(patient_id=owner))
            touched.at(stay, now)


def _keep_events(connection: Connection, tellings: Sequence[Telling], touched: _Touched) -> None:
    states = _states(connection, tellings)
    changes = Changes()
    for telling in tellings:
        state = states[_key(telling)]
        before = state.rows
        if apply(telling, state, changes):
            newest = max((event.known_time for event in telling.events), default=telling.told_at)
            stay_ids = {*(row["stay_id"] for row in before), telling.stay_id} - {""}
            for stay_id in stay_ids:
                touched.at(stay_id, newest)
            if _is_of_places(telling, before):
                touched.moved |= stay_ids
    _write(connection, changes)


def _is_of_places(telling: Telling, before: Sequence[EventRow]) -> bool:
    kinds = {row["kind"] for row in before} | {event.kind.value for event in telling.events}
    return not kinds.isdisjoint(_PLACES)


def _key(telling: Telling) -> str:
    # A stay has one patient, also when a merge gives him another name; all else goes by its source.
    return f"patient of {telling.stay_id}" if telling.source.startswith(_PATIENT) else telling.source


def _states(connection: Connection, tellings: Sequence[Telling]) -> dict[str, SourceState]:
    """What is kept of the sources of *tellings*."""
    states: dict[str, SourceState] = defaultdict(SourceState)
    sources = sorted({one.source for one in tellings if not one.source.startswith(_PATIENT)})
    for chunk in _chunks(sources):
        for gone in connection.execute(_WITHDRAWN, {"ids": chunk}):
            states[gone.source].told_at = gone.told_at
        for row in connection.execute(_TOLD, {"ids": chunk}).mappings():
            _add(states[row["source"]], row)
    for chunk in _chunks(sorted({one.stay_id for one in tellings if one.source.startswith(_PATIENT)})):
        for row in connection.execute(_IDENTITY, {"ids": chunk}).mappings():
            _add(states[f"patient of {row['stay_id']}"], row)
    return states


def _add(state: SourceState, row: RowMapping) -> None:
    state.rows.append(dict(row))
    state.told_at = row["told_at"]


def _write(connection: Connection, changes: Changes) -> None:
    if changes.retired:
        ended = [{"row_id": row["id"], "until": row["retired_time"]} for row in changes.retired]
        connection.execute(_RETIRE, ended)
    if changes.added:
        connection.execute(insert(EVENT), changes.added)
    for chunk in _chunks(sorted(changes.withdrawn)):
        connection.execute(delete(WITHDRAWAL).where(WITHDRAWAL.c.source.in_(chunk)))
        connection.execute(
            insert(WITHDRAWAL), [{"source": source, "told_at": changes.withdrawn[source]} for source in chunk]
        )


def _settle_stays(connection: Connection, touched: _Touched, now: datetime) -> None:
    """Say where each touched stay stands, and let it fall due when it can be scored."""
    stayed = sorted(touched.stays.keys() - touched.moved)
    if stayed:
        connection.execute(_MORE_KNOWN, [{"key": stay, "newest": touched.stays[stay], "now": now} for stay in stayed])
    for chunk in _chunks(sorted(touched.moved)):
        places: dict[str, list[EventRow]] = defaultdict(list)
        for row in connection.execute(_PLACES_OF, {"ids": chunk}).mappings():
            places[row["stay_id"]].append(dict(row))
        stays = connection.execute(_STAYS, {"ids": chunk}).mappings().all()
        connection.execute(
            _SETTLE,
            [_standing(dict(stay), places[stay["stay_id"]], touched.stays[stay["stay_id"]], now) for stay in stays],
        )


def _standing(stay: EventRow, places: Iterable[EventRow], newest: datetime, now: datetime) -> EventRow:
    told = sorted(places, key=lambda row: row["event_time"])
    kinds = {row["kind"] for row in told}
    status = _status(kinds, StayStatus(stay["status"]))
    wards = [row["code"] for row in told if row["kind"] == EventKind.WARD.value]
    is_scored = stay["patient_id"] and status in {StayStatus.OPEN, StayStatus.ENDED}
    return {
        "key": stay["stay_id"],
        "new_ward": wards[-1] if wards else "",
        "new_status": status.value,
        "new_known_until": max(stay["known_until"], newest),
        "new_due_at": now if is_scored else None,
    }


def _status(kinds: set[str], before: StayStatus) -> StayStatus:
    if EventKind.ADMISSION.value in kinds:
        return StayStatus.ENDED if EventKind.DISCHARGE.value in kinds else StayStatus.OPEN
    return StayStatus.EXPECTED if before is StayStatus.EXPECTED else StayStatus.CANCELLED


def _keep_refusals(connection: Connection, tolds: Sequence[Told], now: datetime) -> None:
    rows = [
        {
            "at": now,
            "door": told.door,
            "reason_code": refusal.reason_code.value,
            "reason": refusal.reason,
            "source": refusal.source[:128],
            "path": "",
            "case_id": "",
        }
        for told in tolds
        for refusal in told.refusals
    ]
    if rows:
        connection.execute(insert(REFUSAL), rows)


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
