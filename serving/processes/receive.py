"""``varsel receive``: the DICOM node."""

from dicom_io.receive.commitment import commitment_service
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.neck import Verdict
from dicom_io.receive.notifications import notification_services
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.tls import server_context
from serving.allocator import keep_freed_for_reuse
from serving.commitment import CommitmentBook
from serving.processes.lifecycle import demand_database, open_own_database, run_until_told
from serving.records.inbox import DatabaseInbox
from serving.records.notifications import DatabaseNotificationBook
from serving.records.pressure import Pressure
from serving.records.reconcile import reconcile
from serving.settings.file import Settings
from serving.settings.receive import Receive
from serving.telemetry.health import Health, serve_health
from serving.telemetry.logs import configure_logging
from serving.telemetry.metrics import CommitmentMetrics, ReceiveMetrics, measure_disk, new_registry, show_admission

_MIB = 1024 * 1024


def run_receive(settings: Settings) -> None:
    """Receive until SIGTERM or SIGINT.

    Raises:
        OSError: an address is taken.
        TlsFilesError: no secure connection can be made with the files named.
    """
    keep_freed_for_reuse()
    configure_logging("receive")
    health = Health()
    run_until_told(build_receiver(settings, health), health)


def build_receiver(settings: Settings, health: Health) -> StoreScp:
    """The DICOM node of *settings*, still closed; its metrics are served from now on."""
    registry = new_registry("receive")
    serve_health(registry, health, settings.receive.host, settings.receive.metrics_port)
    policy = CompletionPolicy(
        quiet_seconds=settings.receive.quiet_seconds,
        quiet_after_release_seconds=settings.receive.quiet_after_release_seconds,
    )
    engine = open_own_database(settings)
    inbox = DatabaseInbox(engine, policy)
    spool = Spool(settings.spool_dir, minimum_free_bytes=settings.receive.minimum_free_mib * _MIB)
    demand_database(health, engine)
    measure_disk(registry, settings.spool_dir, settings.receive.minimum_free_mib * _MIB)
    reconcile(engine, inbox, spool)
    reports = commitment_service(CommitmentBook(engine, CommitmentMetrics(registry)))
    observer = _Counting(ReceiveMetrics(registry))
    hints = notification_services(DatabaseNotificationBook(engine))
    pressure = Pressure(engine, settings.queues.maximum_waiting)
    show_admission(registry, pressure.is_high)
    door = _door(settings.receive)
    return StoreScp(door, inbox, spool, observer, extra_services=[reports, *hints], is_held=pressure.is_high)


def _door(receive: Receive) -> StoreScpSettings:
    return StoreScpSettings(
        host=receive.host,
        port=receive.port,
        ae_title=receive.ae_title,
        allowed_calling_ae_titles=receive.allowed_calling_ae_titles,
        maximum_associations=receive.maximum_associations,
        maximum_associations_per_peer=receive.maximum_associations_per_peer,
        maximum_associations_per_minute=receive.maximum_associations_per_minute,
        maximum_object_bytes=receive.maximum_object_mib * _MIB,
        network_timeout_seconds=receive.idle_seconds,
        takes_unknown_classes=receive.takes_unknown_classes,
        tls=server_context(receive.tls.files) if receive.tls.files else None,
    )


class _Counting:
    """Counts the neck's verdicts."""

    def __init__(self, metrics: ReceiveMetrics) -> None:
        self._metrics = metrics

    def took(self, verdict: Verdict) -> None:
        self._metrics.received(verdict.status.value, verdict.size_bytes, verdict.seconds)
