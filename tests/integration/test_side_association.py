"""Pictures go over a second association beside the rest, where the archive takes one."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories.dicom import cr_image, structured_report, write
from factories.waiting import until
from pydicom import dcmread
from pydicom.uid import Comprehensive3DSRStorage, SecondaryCaptureImageStorage
from pynetdicom import AE, build_context, evt

from dicom_io.errors import BusyError
from dicom_io.receive.vendor import SocketCare, configure_pynetdicom
from dicom_io.send.association import DicomAddress, associate
from dicom_io.send.destination import Receipt
from dicom_io.send.kept_association import KeptAssociation
from dicom_io.send.side_association import SideAssociation
from dicom_io.send.store_scu import StoreScu
from serving.outlets import Outlets
from serving.settings.destinations import Destination


class Peer:
    """Answers for a picture only once a report has come, which comes beside it or never."""

    def __init__(self, associations: int) -> None:
        #: SOP Class UIDs in the order in which they were answered for.
        self.order: list[str] = []
        #: How many associations were established.
        self.opened = 0
        #: How many were rejected.
        self.rejected = 0
        #: For so long an association that was released still counts.
        self.linger_seconds = 0.0
        self._report_is_here = threading.Event()
        entity = AE(ae_title="PEER")
        entity.maximum_associations = associations
        for uid in (SecondaryCaptureImageStorage, Comprehensive3DSRStorage):
            entity.add_supported_context(uid)
        configure_pynetdicom()
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_ESTABLISHED, self._count),
            (evt.EVT_RELEASED, self._linger),
            (evt.EVT_REJECTED, self._count_rejected),
            *SocketCare().handlers(),
        ]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)

    @property
    def address(self) -> DicomAddress:
        """Where it listens."""
        port = self._server.socket.getsockname()[1]
        return DicomAddress(
            host="127.0.0.1", port=port, ae_title="PEER", acse_timeout_seconds=5, dimse_timeout_seconds=15
        )

    def is_idle(self) -> bool:
        """Whether every association has ended on this side too, some time after its release."""
        return not self._server.active_associations

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()

    def _count(self, event: Any) -> None:
        del event
        self.opened += 1

    def _count_rejected(self, event: Any) -> None:
        del event
        self.rejected += 1

    def _linger(self, event: Any) -> None:
        del event
        time.sleep(self.linger_seconds)

    def _store(self, event: Any) -> int:
        sop_class = str(event.request.AffectedSOPClassUID)
        if sop_class == SecondaryCaptureImageStorage:
            assert self._report_is_here.wait(10)
        self._report_is_here.set()
        self.order.append(sop_class)
        return 0x0000


@pytest.fixture
def roomy() -> Iterator[Peer]:
    peer = Peer(10)
    yield peer
    peer.stop()


@pytest.fixture
def narrow() -> Iterator[Peer]:
    """Takes one association at a time."""
    peer = Peer(1)
    yield peer
    peer.stop()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A report, a picture, and another report."""
    picture = cr_image()
    picture.SOPClassUID = picture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    return write([structured_report(), picture, structured_report(name="note")], tmp_path / "files")


def test_a_picture_goes_beside_the_report_and_what_stands_behind_both_waits(roomy: Peer, files: list[Path]):
    archive = StoreScu(roomy.address, 30)

    answers = archive.send(files)
    archive.close()

    assert all(isinstance(one, Receipt) for one in answers)
    assert [one.sop_instance_uid for one in answers] == [str(dcmread(path).SOPInstanceUID) for path in files]
    assert roomy.order == [Comprehensive3DSRStorage, SecondaryCaptureImageStorage, Comprehensive3DSRStorage]


def test_an_archive_that_takes_one_association_gets_everything_over_it(narrow: Peer, files: list[Path]):
    archive = StoreScu(narrow.address, 30)

    answers = archive.send(files)
    archive.close()

    assert all(isinstance(one, Receipt) for one in answers)
    assert len(narrow.order) == 3


def test_what_was_prepared_is_open_when_it_is_needed(roomy: Peer, files: list[Path]):
    archive = StoreScu(roomy.address, 30)
    archive.send(files[:2])
    archive.close()

    archive.prepare()
    kept = (archive._association, archive._for_pictures.kept)
    prepared = [one._association for one in kept]
    assert all(one.is_established for one in prepared)
    archive.send(files[:2])

    assert [one._association for one in kept] == prepared
    archive.close()


def test_an_archive_that_is_slow_to_end_its_one_association_is_asked_again(narrow: Peer):
    first = associate(narrow.address, [build_context(SecondaryCaptureImageStorage)])
    with pytest.raises(BusyError, match="rejected the association"):
        associate(narrow.address, [build_context(SecondaryCaptureImageStorage)])
    first.release()
    until(narrow.is_idle, 30)
    kept = KeptAssociation(narrow.address, 30)
    kept.prepare([build_context(SecondaryCaptureImageStorage)])
    narrow.linger_seconds = 0.3
    kept.prepare([build_context(Comprehensive3DSRStorage)])
    kept.close()

    assert narrow.rejected > 1


def test_who_took_no_second_association_is_not_asked_again_at_once(narrow: Peer):
    now = 0.0
    contexts = [build_context(SecondaryCaptureImageStorage)]
    first = associate(narrow.address, contexts)
    side = SideAssociation(narrow.address, 30, clock=lambda: now)
    assert not side.is_open(contexts)
    first.release()

    assert not side.is_open(contexts)
    until(narrow.is_idle, 30)
    now = 3600.0
    assert side.is_open(contexts)
    side.close()


def test_archives_that_were_sent_to_are_called_beside_whoever_says_so(roomy: Peer, files: list[Path]):
    outlets = Outlets()
    outlets.prepare()
    settings = Destination(name="pacs", host="127.0.0.1", port=roomy.address.port, ae_title="PEER", concurrency=2)
    outlets.of(settings).send(files[:2])
    outlets.close()
    opened = roomy.opened

    outlets.prepare()

    deadline = time.monotonic() + 10
    while roomy.opened < opened + 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    outlets.of(settings).send(files[:2])
    assert roomy.opened == opened + 2
    outlets.close()


def test_nobody_waits_behind_an_association_that_is_in_use(roomy: Peer, files: list[Path]):
    """Else callers would pile up behind an archive that does not answer."""
    archive = StoreScu(roomy.address, 30)
    archive.send(files[:1])

    caller = threading.Thread(target=archive.prepare, daemon=True)
    with archive._association._lock:
        caller.start()
        caller.join(10)
        assert not caller.is_alive()

    archive.close()
