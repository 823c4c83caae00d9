"""Every case with its state, answer and deliveries, as one value; read by ``status`` and by the demonstration."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Engine, RowMapping, Table, select

from serving.records.database import reading
from serving.records.delivery_schema import DELIVERY_OBJECT
from serving.records.schema import DELIVERY, FINDING, REFUSAL, RESULT, RISK, WORK_ITEM
from serving.work.item import TERMINAL, ObjectState, State

_Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FindingStatus:
    """One finding, as said."""

    #: Words for people, in the site's language.
    text: str
    #: Calibrated probability and the operating point it was compared with, 0 to 1.
    probability: float
    threshold: float
    #: SOP Instance UID of the image that it was drawn on; empty without a place.
    sop_instance_uid: str
    #: (column, row) pairs in pixels of that image; empty without a place.
    polygon: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class ObjectStatus:
    """One result object."""

    #: ``sr``, ``seg`` or ``sc``.
    kind: str
    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str
    #: Series Instance UID (0020,000E).
    series_instance_uid: str
    #: Its file.
    path: str


@dataclass(frozen=True, kw_only=True)
class DeliveryStatus:
    """One case's objects to one destination."""

    #: Name in the settings.
    destination: str
    #: serving.work.item.DeliveryState.
    state: str
    #: How often it was tried.
    attempts: int
    #: Why it waits or was put aside; empty otherwise.
    reason: str
    #: How many objects.
    object_count: int


@dataclass(frozen=True, kw_only=True)
class CaseStatus:
    """One work item as it stands; without the patient's name and number."""

    #: Derived from case, generation and model; also the name of its folder of results.
    work_item_id: str
    #: ``imaging`` or ``stay``.
    kind: str
    #: Study Instance UID or stay id.
    case_id: str
    #: Which generation of the input.
    generation: int
    #: serving.work.item.State.
    state: str
    #: dicom_io.findings.Outcome; empty until known.
    outcome: str
    #: Why not analysed, failed or waiting; empty otherwise.
    reason_code: str
    reason: str
    #: Empty where no rule matched.
    model: str
    model_version: str
    release_digest: str
    #: Stage -> seconds.
    timings: Mapping[str, float]
    #: Label text -> probability, also below the operating point.
    scores: Mapping[str, float]
    #: Risk of a stay, 0 to 1; None for a study.
    risk: float | None
    #: Strongest first.
    findings: tuple[FindingStatus, ...]
    #: In the order they were written; what is held back in case of a refusal is not among them.
    objects: tuple[ObjectStatus, ...]
    #: By destination.
    deliveries: tuple[DeliveryStatus, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing moves any more by itself."""
        return State(self.state) in TERMINAL


@dataclass(frozen=True, kw_only=True)
class RefusalStatus:
    """One thing that was refused at a door."""

    #: ISO 8601 UTC.
    at: str
    #: Which door.
    door: str
    #: Closed set.
    reason_code: str
    #: Why, and what to do.
    reason: str
    #: Who sent it.
    source: str
    #: Study or stay, when it was known; else empty.
    case_id: str


def read_cases(engine: Engine, case_ids: Sequence[str] | None = None) -> tuple[CaseStatus, ...]:
    """Every work item, or those about *case_ids*, oldest first.

    Raises:
        DatabaseDownError: the database cannot be read, or has no tables yet.
    """
    chosen = select(WORK_ITEM).order_by(WORK_ITEM.c.created_at, WORK_ITEM.c.id)
    if case_ids is not None:
        chosen = chosen.where(WORK_ITEM.c.case_id.in_(case_ids))
    with reading(engine) as connection:
        items = [_plain(row) for row in connection.execute(chosen).mappings()]
        parts = _Parts(connection, [item["id"] for item in items])
    return tuple(parts.case(item) for item in items)


def read_refusals(engine: Engine) -> tuple[RefusalStatus, ...]:
    """Everything refused at the doors, oldest first.

    Raises:
        DatabaseDownError: the database cannot be read, or has no tables yet.
    """
    with reading(engine) as connection:
        rows = connection.execute(select(REFUSAL).order_by(REFUSAL.c.id)).mappings().all()
    kept = RefusalStatus.__dataclass_fields__
    return tuple(RefusalStatus(**{name: row[name] for name in kept} | {"at": row["at"].isoformat()}) for row in rows)


class _Parts:
    """What belongs to some work items, fetched with one question a table."""

    def __init__(self, connection: Connection, item_ids: Sequence[str]) -> None:
        self._findings = _by_item(connection, FINDING, item_ids, FINDING.c.probability.desc())
        self._objects = _by_item(connection, RESULT, item_ids, RESULT.c.created_at)
        self._deliveries = _by_item(connection, DELIVERY, item_ids, DELIVERY.c.destination)
        self._risks = _by_item(connection, RISK, item_ids, RISK.c.work_item_id)
        self._held_back = _held_back(connection, item_ids)

    def case(self, item: _Row) -> CaseStatus:
        risks = [row["probability"] for row in self._risks[item["id"]]]
        plain = {name: item[name] for name in CaseStatus.__dataclass_fields__ if name in item}
        return CaseStatus(
            **plain,
            work_item_id=item["id"],
            risk=risks[0] if risks else None,
            findings=tuple(_finding(row) for row in self._findings[item["id"]]),
            objects=tuple(
                _kept(ObjectStatus, row)
                for row in self._objects[item["id"]]
                if row["sop_instance_uid"] not in self._held_back
            ),
            deliveries=tuple(
                _kept(DeliveryStatus, row, object_count=len(row["objects"])) for row in self._deliveries[item["id"]]
            ),
        )


def _held_back(connection: Connection, item_ids: Sequence[str]) -> set[str]:
    """SOP Instance UIDs that every destination has only in reserve."""
    mine = select(DELIVERY_OBJECT).join(DELIVERY).where(DELIVERY.c.work_item_id.in_(item_ids))
    reserve: set[str] = set()
    sent: set[str] = set()
    for row in connection.execute(mine):
        (reserve if row.state == ObjectState.RESERVE.value else sent).add(row.sop_instance_uid)
    return reserve - sent


def _by_item(connection: Connection, table: Table, item_ids: Sequence[str], order: Any) -> defaultdict[str, list[_Row]]:
    column: Column[str] = table.c.work_item_id
    found: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in connection.execute(select(table).where(column.in_(item_ids)).order_by(order)).mappings():
        found[row["work_item_id"]].append(_plain(row))
    return found


def _plain(row: RowMapping) -> _Row:
    # `in` of SQLAlchemy's own rows also says yes to table-qualified names such as work_item_id.
    return dict(row)


def _kept(kind: Any, row: _Row, **computed: object) -> Any:
    return kind(**{name: row[name] for name in kind.__dataclass_fields__ if name in row}, **computed)


def _finding(row: _Row) -> FindingStatus:
    region = row["region"] or {"sop_instance_uid": "", "polygon": []}
    polygon = tuple((float(column), float(line)) for column, line in region["polygon"])
    return _kept(FindingStatus, row, sop_instance_uid=region["sop_instance_uid"], polygon=polygon)
