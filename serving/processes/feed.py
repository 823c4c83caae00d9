"""``varsel feed serve``: the HL7 v2 feed of the patient record. A process of its own: it speaks to another network than
the DICOM node, and a storm of messages takes no time from images.
"""

from zoneinfo import ZoneInfo

from dicom_io.tls import server_context
from ehr_io.hl7.reader import ReaderSettings
from ehr_io.hl7.server import MllpServer, MllpSettings
from serving.feed.group_commit import GroupCommit
from serving.feed.neck import FeedItem, FeedNeck, keep_items
from serving.processes.lifecycle import demand_database, open_own_database, run_until_told
from serving.settings.feed import Feed
from serving.settings.file import Settings
from serving.telemetry.health import Health, serve_health
from serving.telemetry.logs import configure_logging
from serving.telemetry.metrics import FeedMetrics, new_registry

_MIB = 1024 * 1024


def run_feed(settings: Settings) -> None:
    """Take messages until SIGTERM or SIGINT.

    Raises:
        OSError: an address is taken.
    """
    configure_logging("feed")
    health = Health()
    run_until_told(build_feed(settings, health), health)


class FeedProcess:
    """The receiver and the thread that keeps what it received."""

    def __init__(self, server: MllpServer, commit: GroupCommit[FeedItem]) -> None:
        """Run *server*, which keeps by *commit*."""
        self.server = server
        self._commit = commit

    def start(self) -> None:
        """Begin."""
        self._commit.start()
        self.server.start()

    def stop(self) -> None:
        """End; what is under way is kept and answered."""
        self.server.stop()
        self._commit.stop()


def build_feed(settings: Settings, health: Health) -> FeedProcess:
    """The feed of *settings*, still closed; its metrics are served from now on."""
    feed = settings.feed
    registry = new_registry("feed")
    serve_health(registry, health, feed.host, feed.metrics_port)
    engine = open_own_database(settings)
    demand_database(health, engine)
    commit = GroupCommit(keep_items(engine))
    neck = FeedNeck(reader_settings(feed), commit, FeedMetrics(registry), feed.message_seconds)
    tls = None if feed.tls.files is None else server_context(feed.tls.files)
    return FeedProcess(MllpServer(_mllp(feed), neck.answer, tls), commit)


def reader_settings(feed: Feed) -> ReaderSettings:
    """How messages are read by the settings *feed*."""
    return ReaderSettings(zone=ZoneInfo(feed.time_zone), processing_ids=frozenset(feed.processing_ids))


def _mllp(feed: Feed) -> MllpSettings:
    return MllpSettings(
        host=feed.host,
        port=feed.port,
        maximum_connections=feed.maximum_connections,
        idle_seconds=feed.idle_seconds,
        message_seconds=feed.message_seconds,
        maximum_bytes=feed.maximum_message_mib * _MIB,
    )
