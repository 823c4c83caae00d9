"""``varsel web``: pages, FHIR and CDS Hooks."""

import uvicorn
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import Route

from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.multipart import MultipartLimits
from dicom_io.receive.neck import Neck
from dicom_io.receive.spool import Spool
from dicom_io.receive.stow import StowDoor
from models.folder_store import FolderStore
from serving.allocator import keep_freed_for_reuse
from serving.feed.group_commit import GroupCommit
from serving.feed.grouped_intake import GroupedStayIntake
from serving.feed.neck import keep_items
from serving.processes.lifecycle import open_own_database
from serving.processes.workitems import imaging_rules
from serving.records.inbox import DatabaseInbox
from serving.records.pressure import Pressure
from serving.settings.file import Settings
from serving.telemetry.logs import configure_logging
from serving.telemetry.metrics import StoreMetrics, WebMetrics, new_registry, show_admission
from serving.telemetry.store_observer import CountedStores
from serving.web.admission import Admission
from serving.web.app import web_app
from serving.web.bearer import behind_token
from serving.web.cds_hooks import cds_routes
from serving.web.cds_tokens import TokenCheck
from serving.web.counted_intake import CountedIntake
from serving.web.dicomweb import StowLimits, stow_routes
from serving.web.fhir import fhir_routes
from serving.web.risk_observations import observation_routes
from serving.web.risks import DatabaseFeedback, DatabaseRisks
from serving.web.ups import ups_routes
from serving.web.ups_events import ups_event_routes

_MIB = 1024 * 1024


def run_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    keep_freed_for_reuse()
    configure_logging("web")
    uvicorn.run(
        build_web(settings),
        host=settings.web.host,
        port=settings.web.port,
        # An access line would hold what people search for.
        access_log=False,
        log_config=None,
        server_header=False,
        # A list that is watched live holds its connection; a stop does not wait for it.
        timeout_graceful_shutdown=3,
    )


def build_web(settings: Settings) -> Starlette:
    """The application of *settings*."""
    engine = open_own_database(settings)
    risks = DatabaseRisks(engine, FolderStore(settings.store_dir), settings.public_url)
    callers = TokenCheck(engine, settings.cds, settings.public_url)
    metrics = WebMetrics(new_registry("web"))
    # Its thread ends with the process: whatever it has not kept was not acknowledged.
    commit = GroupCommit(keep_items(engine))
    commit.start()
    doors = [
        *fhir_routes(CountedIntake(GroupedStayIntake(commit), metrics), risks),
        *observation_routes(risks, settings.site.language),
        *cds_routes(risks, DatabaseFeedback(engine), callers, settings.site.language),
        *behind_token(ups_routes(engine, imaging_rules(settings)), settings.dicomweb.token_file),
        *behind_token(ups_event_routes(engine), settings.dicomweb.token_file),
        *behind_token(_stow(settings, engine, StoreMetrics(metrics.registry)), settings.dicomweb.token_file),
    ]
    pressure = Pressure(engine, settings.queues.maximum_waiting)
    show_admission(metrics.registry, pressure.is_high)
    app = web_app(engine, settings, doors, metrics)
    app.add_middleware(Admission, is_held=pressure.is_high, retry_after_seconds=settings.queues.retry_after_seconds)
    return app


def _stow(settings: Settings, engine: Engine, metrics: StoreMetrics) -> list[Route]:
    policy = CompletionPolicy(
        quiet_seconds=settings.receive.quiet_seconds,
        quiet_after_release_seconds=settings.receive.quiet_after_release_seconds,
    )
    inbox = DatabaseInbox(engine, policy)
    spool = Spool(settings.spool_dir, minimum_free_bytes=settings.receive.minimum_free_mib * _MIB)
    door = StowDoor(Neck(inbox, spool, CountedStores(metrics)), inbox)
    limits = StowLimits(
        body=MultipartLimits(
            part_bytes=settings.dicomweb.maximum_object_mib * _MIB, parts=settings.dicomweb.maximum_objects
        ),
        stall_seconds=settings.dicomweb.stall_seconds,
    )
    return stow_routes(door, settings.site.data_dir / "stow", limits)
