"""The part of ``varsel work`` that performs UPS work items."""

from datetime import timedelta

from sqlalchemy import Engine

from dicom_io.send.web_address import WebAddress
from dicom_io.ups.client import UpsClient
from dicom_io.ups.worklist import WorkitemManager
from serving.intake import Intake
from serving.processes.archives import open_source
from serving.records.performed import ManagerName
from serving.settings.destinations import Destination
from serving.settings.file import Settings
from serving.workitems.archive_fetcher import ArchiveFetcher
from serving.workitems.loop import PerformerLoop
from serving.workitems.own import OwnManager
from serving.workitems.performer import Performer, PerformerSite


def build_performer(settings: Settings, engine: Engine, intake: Intake) -> PerformerLoop:
    """The performer of *settings*, not started."""
    remote = _remote(settings)
    managers: dict[ManagerName, WorkitemManager] = {ManagerName.OWN: OwnManager(engine)}
    if remote is not None:
        managers[ManagerName.REMOTE] = remote
    site = PerformerSite(
        rules=imaging_rules(settings),
        ae_titles={one.name: one.ae_title for one in settings.destinations if isinstance(one, Destination)},
        station=settings.receive.ae_title,
        node=settings.work.node,
        maximum_claimed=settings.ups.maximum_claimed,
        input_wait=timedelta(seconds=settings.ups.input_wait_seconds),
    )
    fetcher = ArchiveFetcher(settings.archives, lambda one: open_source(settings, one, engine), settings.ups.archive)
    performer = Performer(engine, managers, intake, fetcher, site)
    closers = [fetcher.close, *([remote.close] if remote is not None else [])]
    return PerformerLoop(performer, settings.ups.poll_seconds, closers)


def imaging_rules(settings: Settings) -> frozenset[str]:
    """Names of the rules that a work item may ask for."""
    return frozenset(rule.name for rule in settings.rules if rule.kind == "imaging")


def _remote(settings: Settings) -> UpsClient | None:
    if not settings.ups.manager_url:
        return None
    address = WebAddress(
        url=settings.ups.manager_url, token_file=settings.ups.token_file, timeout_seconds=settings.ups.timeout_seconds
    )
    return UpsClient(address.client(), settings.ups.ae_title)
