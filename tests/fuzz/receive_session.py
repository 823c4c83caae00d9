"""A receiver, a valid session of a sender, and what must hold whatever is done to the bytes of that session."""

import logging
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import SilentObserver, offer_from_file
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from tests.factories.dicom import ct_series, structured_report, write
from tests.factories.waiting import until
from tests.integration import raw_peer as raw

SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.34"
VERIFICATION = "1.2.840.10008.1.1"
#: Far above what an exchange takes; reached only by a receiver that hangs.
_TIMEOUT_SECONDS = 20.0


def valid_session() -> list[bytes]:
    """The PDUs of one association: an echo, two slices, a report, the release."""
    contexts = [
        (raw.CT_IMAGE_STORAGE, (raw.EXPLICIT_LITTLE_ENDIAN, "1.2.840.10008.1.2")),
        (SR_STORAGE, (raw.EXPLICIT_LITTLE_ENDIAN,)),
        (VERIFICATION, ("1.2.840.10008.1.2",)),
    ]
    echo = raw.store_rq("1.2.3", sop_class_uid=VERIFICATION)
    echo = echo.replace(raw.element(0x0100, b"\1\0"), raw.element(0x0100, b"\x30\0"))
    echo = echo.replace(raw.element(0x0800, b"\1\0"), raw.element(0x0800, b"\1\1"))
    pdus = [raw.associate_rq(contexts), raw.data(echo, control=3, context_id=5)]
    with tempfile.TemporaryDirectory() as folder:
        for path in write([*ct_series(2), structured_report()], Path(folder)):
            pdus += _stored(path)
    return [*pdus, raw.RELEASE_RQ]


def _stored(path: Path) -> Iterator[bytes]:
    offer = offer_from_file(path.read_bytes(), door="", source_ae="")
    images = {str(image.SOPInstanceUID).encode(): 1 for image in ct_series(2)}
    uid, context_id = next(((uid, 1) for uid in images if uid in offer.dataset), (b"", 3))
    sop_uid = uid.decode() or str(structured_report().SOPInstanceUID)
    sop_class = raw.CT_IMAGE_STORAGE if uid else SR_STORAGE
    yield raw.data(raw.store_rq(sop_uid, sop_class_uid=sop_class), control=3, context_id=context_id)
    half = len(offer.dataset) // 2
    yield raw.data(offer.dataset[:half], control=0, context_id=context_id)
    yield raw.data(offer.dataset[half:], control=2, context_id=context_id)


class Receiver:
    """A running receiver and the faults that it logged."""

    def __init__(self, directory: Path) -> None:
        self.inbox = MemoryInbox()
        self.spool = Spool(directory / "spool")
        self.faults = _Faults()
        settings = StoreScpSettings(
            port=0,
            acse_timeout_seconds=5,
            network_timeout_seconds=5,
            maximum_object_bytes=100_000,
            stop_grace_seconds=0,
        )
        self.scp = StoreScp(settings, self.inbox, self.spool, SilentObserver())

    def exchange(self, sent: bytes) -> list[tuple[int, bytes]]:
        """Send everything, say no more, and take what is answered until the receiver closes."""
        answers = []
        with socket.create_connection(("127.0.0.1", self.scp.port), timeout=_TIMEOUT_SECONDS) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                # It has heard enough already.
                pass
            while (answer := raw.answer(connection)) is not None:
                answers.append(answer)
        return answers

    def check(self, answers: Sequence[tuple[int, bytes]]) -> None:
        """What was acknowledged is there, whole and recorded; nothing half is left; nothing failed by itself."""
        until(lambda: not self.scp._listener._running)
        assert not self.faults.records
        acknowledged = [body for kind, body in answers if kind == raw.DATA and _is_stored(body)]
        kept = {arrival.path: arrival for arrival in self.inbox.arrivals.values()}
        for body in acknowledged:
            assert any(uid.encode() in body for uid in self.inbox.arrivals)
        for path, arrival in kept.items():
            assert digest_of(path) == arrival.digest
        assert not list((self.spool.root / "incoming").iterdir())
        assert kept.keys() <= set(self.spool.root.glob("*/*.dcm"))
        assert len(acknowledged) <= len(self.inbox.landings)


class _Faults(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def running_receiver(directory: Path) -> Iterator[Receiver]:
    receiver = Receiver(directory)
    logger = logging.getLogger("dicom_io.receive")
    logger.addHandler(receiver.faults)
    receiver.scp.start()
    try:
        yield receiver
    finally:
        receiver.scp.stop()
        logger.removeHandler(receiver.faults)


def _is_stored(body: bytes) -> bool:
    """Whether *body* is a C-STORE response that says success."""
    return raw.element(0x0100, b"\x01\x80") in body and raw.status(body) == 0
