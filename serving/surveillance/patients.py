"""Every patient's history, one after the other, from the kept events."""

from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import Connection, RowMapping, func, or_, select

from ehr_io.definitions.history import History, history_of
from ehr_io.events import Event, EventKind, Stay
from serving.records.schema import EVENT, STAY

_FIELDS = tuple(Event.__dataclass_fields__)
#: Rows fetched at a time: a year of a region does not lie in memory at once.
_BATCH = 20_000


def histories(connection: Connection) -> Iterator[History]:
    """Every patient with a stay, by patient id; of the measured values only the newest of each stay is read."""
    # Definitions ask for no measured value; the newest one tells until when a stay without a discharge was alive.
    newest = (
        select(
            EVENT.c.id,
            func.row_number()
            .over(partition_by=EVENT.c.stay_id, order_by=(EVENT.c.event_time.desc(), EVENT.c.id))
            .label("age"),
        )
        .where(EVENT.c.current, EVENT.c.kind == EventKind.OBSERVATION.value)
        .subquery()
    )
    wanted = or_(
        EVENT.c.kind != EventKind.OBSERVATION.value, EVENT.c.id.in_(select(newest.c.id).where(newest.c.age == 1))
    )
    rows = connection.execution_options(yield_per=_BATCH).execute(
        select(STAY.c.patient_id, *(EVENT.c[name] for name in _FIELDS))
        .join(STAY, STAY.c.stay_id == EVENT.c.stay_id)
        .where(EVENT.c.current, STAY.c.patient_id != "", wanted)
        .order_by(STAY.c.patient_id, EVENT.c.stay_id, EVENT.c.event_time, EVENT.c.source)
    )
    for patient_id, told in groupby(rows.mappings(), key=lambda row: str(row["patient_id"])):
        yield history_of(patient_id, _stays(patient_id, told))


def _stays(patient_id: str, rows: Iterator[RowMapping]) -> list[Stay]:
    return [
        Stay(stay_id=stay_id, patient_id=patient_id, events=tuple(_event(row) for row in told))
        for stay_id, told in groupby(rows, key=lambda row: str(row["stay_id"]))
    ]


def _event(row: RowMapping) -> Event:
    return Event(**{name: row[name] for name in _FIELDS} | {"kind": EventKind(row["kind"])})
