"""An association kept open between deliveries saves its opening, and is given up when the peer is done with it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories.dicom import ct_series, structured_report, write

from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.send.association import DicomAddress
from dicom_io.send.destination import Receipt
from dicom_io.send.store_scu import StoreScu


@pytest.fixture
def inbox() -> MemoryInbox:
    return MemoryInbox()


@pytest.fixture
def door(inbox: MemoryInbox, tmp_path: Path) -> Iterator[StoreScp]:
    scp = StoreScp(StoreScpSettings(port=0), inbox, Spool(tmp_path / "spool"), SilentObserver())
    scp.start()
    yield scp
    scp.stop()


def sender(door: StoreScp, keep_open_seconds: float) -> StoreScu:
    address = DicomAddress(
        host="127.0.0.1", port=door.port, ae_title="VARSEL", acse_timeout_seconds=5, dimse_timeout_seconds=5
    )
    return StoreScu(address, keep_open_seconds)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_several_deliveries_go_over_one_association(door: StoreScp, inbox: MemoryInbox, tmp_path: Path):
    kept = sender(door, 30)
    for index, path in enumerate(write(ct_series(3), tmp_path / "ct")):
        (receipt,) = kept.send([path])
        assert isinstance(receipt, Receipt)
        assert len(inbox.ended) == 0, f"released after delivery {index}"

    kept.close()
    wait_until(lambda: len(inbox.ended) == 1)
    assert len(inbox.arrivals) == 3


def test_another_kind_of_object_opens_another_that_takes_both(door: StoreScp, inbox: MemoryInbox, tmp_path: Path):
    kept = sender(door, 30)
    ct, sr = write([*ct_series(1), structured_report()], tmp_path)
    kept.send([ct])
    kept.send([sr])
    kept.send([sr, ct])
    kept.close()

    wait_until(lambda: len(inbox.ended) == 2)
    assert len(inbox.arrivals) == 2


def test_it_is_released_when_nobody_needs_it(door: StoreScp, inbox: MemoryInbox, tmp_path: Path):
    kept = sender(door, 0.05)
    kept.send(write(ct_series(1), tmp_path))

    wait_until(lambda: len(inbox.ended) == 1)
    assert inbox.ended[0][2] is False


def test_a_peer_that_went_meanwhile_is_called_anew(inbox: MemoryInbox, tmp_path: Path):
    """The first one closes, another listens at the same port."""
    first = StoreScp(StoreScpSettings(port=0, stop_grace_seconds=0.1), inbox, Spool(tmp_path / "one"), SilentObserver())
    first.start()
    kept = sender(first, 30)
    one, other = write(ct_series(2), tmp_path / "ct")
    kept.send([one])
    settings = StoreScpSettings(port=first.port)
    first.stop()
    second = StoreScp(settings, inbox, Spool(tmp_path / "two"), SilentObserver())
    second.start()
    try:
        wait_until(lambda: not kept._association._association.is_established)
        (receipt,) = kept.send([other])
        assert isinstance(receipt, Receipt)
        kept.close()
    finally:
        second.stop()
    assert len(inbox.arrivals) == 2
