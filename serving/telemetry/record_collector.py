"""How the patient record's feeds, the alert policies and surveillance stand, read from the database at each scrape.

Registered in the web process only, like the state of the queue, and for the same reason.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, select

from serving.alerts.decide import Verdict
from serving.errors import DatabaseDownError
from serving.feed.kept import KeptState
from serving.records.database import reading
from serving.records.stay_schema import FEED_MESSAGE
from serving.records.surveillance_schema import ALERT, SURVEILLANCE_CLUSTER, SURVEILLANCE_RUN
from serving.telemetry import metric_table as table
from serving.telemetry.metric_table import Spec

_WAITING = (KeptState.REFUSED, KeptState.PARTLY)
_DAY = timedelta(hours=24)


class RecordCollector(Collector):
    """Messages put aside, decisions of a day, the newest reading of surveillance."""

    def __init__(self, engine: Engine) -> None:
        """Ask the database behind *engine* at each scrape."""
        self._engine = engine

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Every gauge; none when the database does not answer, of which ``varsel_database_up`` tells."""
        try:
            with reading(self._engine) as connection:
                return [_put_aside(connection), _decisions(connection), _refreshed(connection), _clusters(connection)]
        except DatabaseDownError:
            return []

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone, so that registering asks no database."""
        return [
            _family(spec)
            for spec in (
                table.FEED_PUT_ASIDE,
                table.ALERT_DECISIONS,
                table.SURVEILLANCE_REFRESHED,
                table.SURVEILLANCE_CLUSTERS,
            )
        ]


def _put_aside(connection: Connection) -> GaugeMetricFamily:
    counted = select(FEED_MESSAGE.c.state, func.count()).group_by(FEED_MESSAGE.c.state)
    found = {row[0]: row[1] for row in connection.execute(counted)}
    family = _family(table.FEED_PUT_ASIDE)
    for state in _WAITING:
        family.add_metric([state.value], found.get(state.value, 0))
    return family


def _decisions(connection: Connection) -> GaugeMetricFamily:
    counted = (
        select(ALERT.c.model, ALERT.c.verdict, func.count())
        .where(ALERT.c.at > datetime.now(UTC) - _DAY)
        .group_by(ALERT.c.model, ALERT.c.verdict)
    )
    found = {(row[0], row[1]): row[2] for row in connection.execute(counted)}
    family = _family(table.ALERT_DECISIONS)
    # A verdict that did not occur is reported as 0, so that an alert sees it rise.
    for model in sorted({model for model, _ in found}):
        for verdict in Verdict:
            family.add_metric([model, verdict.value], found.get((model, verdict.value), 0))
    return family


def _refreshed(connection: Connection) -> GaugeMetricFamily:
    newest: datetime | None = connection.scalar(select(func.max(SURVEILLANCE_RUN.c.at)))
    return _single(table.SURVEILLANCE_REFRESHED, 0.0 if newest is None else newest.timestamp())


def _clusters(connection: Connection) -> GaugeMetricFamily:
    return _single(
        table.SURVEILLANCE_CLUSTERS, connection.scalar(select(func.count()).select_from(SURVEILLANCE_CLUSTER)) or 0
    )


def _family(spec: Spec) -> GaugeMetricFamily:
    return GaugeMetricFamily(spec.name, spec.text, labels=spec.labels)


def _single(spec: Spec, value: float) -> GaugeMetricFamily:
    family = _family(spec)
    family.add_metric([], value)
    return family
