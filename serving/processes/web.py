"""``varsel web``: pages, FHIR and CDS Hooks."""

import uvicorn
from starlette.applications import Starlette

from models.folder_store import FolderStore
from serving.processes.lifecycle import open_own_database
from serving.processes.workitems import imaging_rules
from serving.records.stay_intake import DatabaseStayIntake
from serving.settings import Settings
from serving.telemetry.logs import configure_logging
from serving.telemetry.metrics import WebMetrics, new_registry
from serving.web.app import web_app
from serving.web.cds_hooks import cds_routes
from serving.web.cds_tokens import TokenCheck
from serving.web.counted_intake import CountedIntake
from serving.web.fhir import fhir_routes
from serving.web.risks import DatabaseFeedback, DatabaseRisks
from serving.web.ups import ups_routes
from serving.web.ups_events import ups_event_routes


def run_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    configure_logging("web")
    uvicorn.run(
        build_web(settings),
        host=settings.web.host,
        port=settings.web.port,
        # An access line would hold what people search for.
        access_log=False,
        log_config=None,
        server_header=False,
    )


def build_web(settings: Settings) -> Starlette:
    """The application of *settings*."""
    engine = open_own_database(settings)
    risks = DatabaseRisks(engine, FolderStore(settings.store_dir), settings.public_url)
    callers = TokenCheck(engine, settings.cds, settings.public_url)
    metrics = WebMetrics(new_registry("web"))
    doors = [
        *fhir_routes(CountedIntake(DatabaseStayIntake(engine), metrics), risks),
        *cds_routes(risks, DatabaseFeedback(engine), callers, settings.site.language),
        *ups_routes(engine, imaging_rules(settings)),
        *ups_event_routes(engine),
    ]
    return web_app(engine, settings, doors, metrics)
