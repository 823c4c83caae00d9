"""The state of the queue, read from the database at each scrape.

Registered in the web process only: every worker shares one database, and a gauge reported by each of them would be
summed to a multiple of the truth.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, exists, func, select

from serving.errors import DatabaseDownError, StepOverrunError
from serving.records.database import reading
from serving.records.delivery_schema import DELIVERY_HISTORY
from serving.records.schema import DELIVERY, STUDY, WORK_ITEM
from serving.telemetry import metric_table as table
from serving.telemetry.metric_table import Spec
from serving.work.item import DeliveryState, State
from serving.work.retry import FailureKind

#: Done and superseded items only grow; they are counted as they finish, by the worker.
_SHOWN_STATES = (State.QUEUED, State.RUNNING, State.WAITING, State.DELIVERING, State.FAILED)
_SHOWN_DELIVERIES = (DeliveryState.QUEUED, DeliveryState.INTENT, DeliveryState.WAITING, DeliveryState.DEAD)
#: Of work and of deliveries that a step took too long of: tried again, or put aside.
_TRIED_AGAIN = (State.WAITING.value, State.RUNNING.value)
_NOT_ARRIVED = (DeliveryState.WAITING.value, DeliveryState.INTENT.value, DeliveryState.DEAD.value)
_HOUR = timedelta(hours=1)
_WAITING_FOR_WORKER = (State.QUEUED.value, State.WAITING.value)


class QueueCollector(Collector):
    """Depth and age of the queue, and what has not arrived at its destination."""

    def __init__(self, engine: Engine) -> None:
        """Ask the database behind *engine* at each scrape."""
        self._engine = engine

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Every gauge; only ``varsel_database_up 0`` when the database does not answer."""
        try:
            with reading(self._engine) as connection:
                families = [
                    *_queue(connection),
                    _deliveries(connection),
                    _overrun(connection),
                    _commitments(connection),
                    _single(table.STUDIES_OPEN, _open_studies(connection)),
                ]
        except DatabaseDownError:
            return [_single(table.DATABASE_UP, 0)]
        return [_single(table.DATABASE_UP, 1), *families]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone, so that registering asks no database."""
        specs = (
            table.DATABASE_UP,
            table.QUEUE_ITEMS,
            table.QUEUE_OLDEST_SECONDS,
            table.DELIVERY_ITEMS,
            table.OVERRUN_ITEMS,
            table.COMMITMENT_OLDEST_SECONDS,
            table.STUDIES_OPEN,
        )
        return [_family(spec) for spec in specs]


def _queue(connection: Connection) -> list[GaugeMetricFamily]:
    shown = [state.value for state in _SHOWN_STATES]
    counted = connection.execute(
        select(WORK_ITEM.c.state, func.count()).where(WORK_ITEM.c.state.in_(shown)).group_by(WORK_ITEM.c.state)
    )
    found = {row[0]: row[1] for row in counted}
    items = _family(table.QUEUE_ITEMS)
    # A state with nothing in it is reported as 0, so that an alert sees it fall.
    for state in shown:
        items.add_metric([state], found.get(state, 0))
    return [items, _single(table.QUEUE_OLDEST_SECONDS, _oldest_age_seconds(connection))]


def _oldest_age_seconds(connection: Connection) -> float:
    oldest = select(func.min(WORK_ITEM.c.created_at)).where(WORK_ITEM.c.state.in_(_WAITING_FOR_WORKER))
    created: datetime | None = connection.execute(oldest).scalar()
    return 0.0 if created is None else max(0.0, (datetime.now(UTC) - created).total_seconds())


def _deliveries(connection: Connection) -> GaugeMetricFamily:
    family = _family(table.DELIVERY_ITEMS)
    shown = [state.value for state in _SHOWN_DELIVERIES]
    columns = (DELIVERY.c.destination, DELIVERY.c.state)
    for destination, state, count in connection.execute(
        select(*columns, func.count()).where(DELIVERY.c.state.in_(shown)).group_by(*columns)
    ):
        family.add_metric([destination, state], count)
    return family


def _overrun(connection: Connection) -> GaugeMetricFamily:
    """From the records: whoever counts an overrun is started anew by it, mostly before it was asked."""
    lately = datetime.now(UTC) - _HOUR
    is_open = WORK_ITEM.c.state.in_(_TRIED_AGAIN) | (
        (WORK_ITEM.c.state == State.FAILED.value) & (WORK_ITEM.c.finished_at > lately)
    )
    items = select(func.count()).where(is_open, WORK_ITEM.c.reason_code == StepOverrunError.__name__)
    stuck = exists().where(
        DELIVERY_HISTORY.c.delivery_id == DELIVERY.c.id,
        DELIVERY_HISTORY.c.failure == FailureKind.STUCK.value,
        DELIVERY_HISTORY.c.at > lately,
    )
    deliveries = select(func.count()).where(DELIVERY.c.state.in_(_NOT_ARRIVED), stuck)
    family = _family(table.OVERRUN_ITEMS)
    family.add_metric(["work"], connection.scalar(items) or 0)
    family.add_metric(["delivery"], connection.scalar(deliveries) or 0)
    return family


def _commitments(connection: Connection) -> GaugeMetricFamily:
    family = _family(table.COMMITMENT_OLDEST_SECONDS)
    awaited = (DELIVERY.c.state == DeliveryState.ACCEPTED.value) & DELIVERY.c.commit_at.is_not(None)
    oldest = select(DELIVERY.c.destination, func.min(DELIVERY.c.accepted_at)).where(awaited)
    for destination, accepted_at in connection.execute(oldest.group_by(DELIVERY.c.destination)):
        family.add_metric([destination], max(0.0, (datetime.now(UTC) - accepted_at).total_seconds()))
    return family


def _open_studies(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(STUDY).where(STUDY.c.due_at.is_not(None))).scalar_one()


def _family(spec: Spec) -> GaugeMetricFamily:
    return GaugeMetricFamily(spec.name, spec.text, labels=spec.labels)


def _single(spec: Spec, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(spec.name, spec.text, value=value)
