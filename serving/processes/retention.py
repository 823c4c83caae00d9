"""What clears a site, put together from its settings."""

from datetime import timedelta

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from serving.retention.clock import RetentionClock
from serving.retention.sweep import Places, brooms
from serving.settings.file import Settings
from serving.telemetry.metrics import RetentionMetrics
from serving.work.ended_runs import EndedRuns


def places_of(settings: Settings, engine: Engine) -> Places:
    """Where the site of *settings* keeps what is cleared."""
    return Places(
        engine=engine,
        runs=EndedRuns(settings.database_url),
        refused_dir=settings.spool_dir / "refused",
        results_dir=settings.results_dir,
    )


def build_retention(settings: Settings, engine: Engine, registry: CollectorRegistry) -> RetentionClock:
    """The clock of *settings*, not started; it counts in *registry*."""
    return RetentionClock(
        engine,
        settings.work.node,
        brooms(places_of(settings, engine), settings.retention),
        timedelta(hours=settings.retention.every_hours),
        RetentionMetrics(registry),
    )
