"""The web process's application: the pages, the doors that others bring, and routes for operations."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from serving.settings.file import Settings
from serving.telemetry.metrics import WebMetrics, new_registry
from serving.telemetry.queue_collector import QueueCollector
from serving.telemetry.record_collector import RecordCollector
from serving.web.faults import fault_pages
from serving.web.headers import SecurityHeaders, Timed
from serving.web.operations import operations_routes
from serving.web.pages import Pages
from serving.web.smart_launch import SmartLaunch
from serving.web.stay_pages import StayPages
from serving.web.surveillance_pages import SurveillancePages
from serving.web.view import open_view
from serving.web.work_pages import WorkPages


def web_app(
    engine: Engine, settings: Settings, extra_routes: Sequence[BaseRoute] = (), metrics: WebMetrics | None = None
) -> Starlette:
    """The pages over *engine* together with *extra_routes* (FHIR, CDS Hooks), counted in *metrics*.

    Run it with uvicorn's ``access_log=False``: an access line would hold what people search for.
    """
    view = open_view(settings.site.language, ZoneInfo(settings.feed.time_zone))
    metrics = metrics or WebMetrics(new_registry("web"))
    metrics.registry.register(QueueCollector(engine))
    metrics.registry.register(RecordCollector(engine))
    return Starlette(
        routes=[
            *Pages(engine=engine, settings=settings, view=view).routes(),
            *StayPages(engine=engine, settings=settings, view=view).routes(),
            *SurveillancePages(engine=engine, settings=settings, view=view).routes(),
            *SmartLaunch(engine, settings.smart, settings.public_url, view).routes(),
            *WorkPages(engine=engine, settings=settings, view=view).routes(),
            *operations_routes(engine, metrics.registry),
            *extra_routes,
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(Timed, metrics=metrics)],
        exception_handlers=dict(fault_pages(view)),
    )
