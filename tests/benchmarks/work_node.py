"""One worker process for the benchmark: as ``varsel work``, but the model waits, and the archive may be here."""

import argparse
import hashlib
import signal
import sys
import threading
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from factories.dicom import structured_report
from sqlalchemy import Engine

import serving.processes.work as wiring
from dicom_io.findings import Outcome
from dicom_io.results.kinds import ResultKind, audience
from dicom_io.results.write import WrittenObject
from dicom_io.send.destination import Receipt, Reference
from dicom_io.uids import derive_uid
from serving.analyse import Ending, Site
from serving.dispatch import Outgoing
from serving.records import results, work
from serving.records.database import Transaction
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination, Destination
from serving.settings.file import Rule, Settings, Work
from serving.settings.site import Site as SiteSection
from serving.telemetry.logs import configure_logging
from serving.work.item import State

RULES = (Rule(name="nodules", model="ct_lung_nodule", modalities=("CT",)),)
DESTINATIONS = (Destination(name="pacs", host="127.0.0.1", port=104, ae_title="PACS"),)
#: Identifiers in the report of which every result is a copy, and what distinguishes them from others of its length.
_STUDY, _OBJECT = (b"2.25.%d" % digit + b"0" * 37 for digit in (1, 2))
#: Seconds that the model takes; set by the command line.
_MODEL_SECONDS: list[float] = []


class WaitingAnalyser:
    """Waits as long as a model takes, then records one object as the real analysis does: file, rows, delivery."""

    def __init__(
        self, engine: Engine, store: object, runtime_of: object, site: Site, watch: object, recording: Transaction
    ) -> None:
        self._engine = engine
        self._recording = recording
        self._site = site
        self._mould = _report()

    def run(self, item: WorkItem) -> Ending | None:
        if item.state is not State.RUNNING:
            return None
        time.sleep(_MODEL_SECONDS[0])
        now = datetime.now(UTC)
        outgoing = Outgoing(objects=[self._write(item)], messages=())
        with self._recording(self._engine) as connection:
            results.keep_objects(connection, item.id, outgoing.all, now)
            results.queue_deliveries(connection, item, outgoing.dispatches(self._site.destinations), now)
            work.move_item(connection, item.id, State.DELIVERING, now, outcome=Outcome.NO_FINDING.value)
        return Ending(outcome=Outcome.NO_FINDING, timings={}, deliveries=1)

    def _write(self, item: WorkItem) -> WrittenObject:
        number = b"%037d" % (int(hashlib.sha256(item.id.encode()).hexdigest(), 16) % 10**37)
        uid = _OBJECT[:6] + number
        content = self._mould.replace(_OBJECT, uid).replace(_STUDY, _STUDY[:6] + number)
        path = self._site.results_dir / f"{uid.decode()}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return WrittenObject(
            kind=ResultKind.SR,
            audience=audience(ResultKind.SR),
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
            sop_instance_uid=uid.decode(),
            series_instance_uid=derive_uid("series", item.id),
            path=path,
            sha256=hashlib.sha256(content).hexdigest(),
        )


def _report() -> bytes:
    """A report as a file."""
    dataset = structured_report()
    dataset.StudyInstanceUID, dataset.SOPInstanceUID = _STUDY.decode(), _OBJECT.decode()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    written = BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


class OpenDoor:
    """Takes everything at once."""

    def send(self, objects: Sequence[Path]) -> tuple[Receipt, ...]:
        return tuple(Receipt(sop_instance_uid=path.stem, status=0, at=datetime.now(UTC)) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        return frozenset()

    def close(self) -> None:
        """Nothing was opened."""


class OpenDoors:
    """Outlets that are such doors."""

    def of(self, destination: AnyDestination) -> OpenDoor:
        return OpenDoor()

    def prepare(self) -> None:
        """They are open."""

    def close(self) -> None:
        """Nothing was opened."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--node", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model-ms", type=float, default=0)
    parser.add_argument("--pacs", type=int, default=0, help="port of a real archive")
    options = parser.parse_args()
    _MODEL_SECONDS.append(options.model_ms / 1e3)
    wiring.Analyser = WaitingAnalyser
    if not options.pacs:
        wiring.Outlets = OpenDoors
    pacs = Destination(name="pacs", host="127.0.0.1", port=options.pacs or 104, ae_title="TESTPACS")
    settings = Settings(
        site=SiteSection(data_dir=options.data, database_url=options.url),
        work=Work(node=options.node, metrics_port=options.port),
        destinations=(pacs,),
        rules=RULES,
    )
    configure_logging("work")
    worker = wiring.build_worker(settings)
    worker.start()
    sys.stderr.write("ready\n")
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    told.wait()
    worker.stop()


if __name__ == "__main__":
    main()
