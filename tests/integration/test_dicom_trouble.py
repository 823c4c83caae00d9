"""The DICOM door and peers that do what they should not: it aborts, it answers others, it keeps nothing half."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dicom_io.receive.inbox import MemoryInbox, RefusalCode
from dicom_io.receive.neck import SilentObserver, offer_from_file
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from tests.factories.dicom import ct_series, write
from tests.factories.waiting import until
from tests.integration import raw_peer as raw
from tests.integration.peers import run_dcmtk

Door = Callable[..., StoreScp]


@pytest.fixture
def inbox() -> MemoryInbox:
    return MemoryInbox()


@pytest.fixture
def door(tmp_path: Path, inbox: MemoryInbox) -> Iterator[Door]:
    with ExitStack() as stack:

        def make(**settings: object) -> StoreScp:
            chosen = {"port": 0, "acse_timeout_seconds": 5.0, "stop_grace_seconds": 0.1, **settings}
            scp = StoreScp(StoreScpSettings(**chosen), inbox, Spool(tmp_path / "spool"), SilentObserver())
            scp.start()
            stack.callback(scp.stop)
            return scp

        yield make


@pytest.fixture(scope="module")
def slice_(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """SOP Instance UID and dataset of one slice."""
    (image,) = ct_series(1, size=(64, 64))
    (path,) = write([image], tmp_path_factory.mktemp("slice"))
    return str(image.SOPInstanceUID), offer_from_file(path.read_bytes(), door="", source_ae="").dataset


@contextmanager
def associated(scp: StoreScp, **request: object) -> Iterator[raw.socket.socket]:
    with raw.connected(scp.port) as connection:
        connection.sendall(raw.associate_rq(**request))
        kind, _ = raw.answer(connection)
        assert kind == raw.ASSOCIATE_AC
        yield connection


def assert_others_are_served(scp: StoreScp) -> None:
    assert run_dcmtk("echoscu", ["-to", "5", "127.0.0.1", str(scp.port)]).returncode == 0


def files(scp: StoreScp) -> list[Path]:
    return [path for path in scp._neck._spool.root.rglob("*") if path.is_file()]


def test_a_raw_peer_that_keeps_the_rules_is_served(door, inbox, slice_):
    uid, dataset = slice_
    scp = door()
    with associated(scp) as connection:
        connection.sendall(b"".join(raw.store(dataset, uid)))
        kind, body = raw.answer(connection)
        assert (kind, raw.status(body)) == (raw.DATA, 0)
        connection.sendall(raw.RELEASE_RQ)
        assert raw.answer(connection)[0] == raw.RELEASE_RP
        assert raw.answer(connection) is None
    assert set(inbox.arrivals) == {uid}


def test_bytes_may_come_one_by_one(door, inbox, slice_):
    uid, dataset = slice_
    with associated(door()) as connection:
        for start in range(0, len(sent := b"".join(raw.store(dataset[:900], uid))), 7):
            connection.sendall(sent[start : start + 7])
        assert raw.answer(connection)[0] == raw.DATA


_BROKEN = {
    "no association first": [raw.data(b"", control=3)],
    "no PDU type that there is": [raw.pdu(9, b"")],
    "a PDU longer than agreed": [b"\x04\x00\xff\xff\xff\xff"],
    "a value longer than its PDU": [raw.pdu(4, b"\x00\x00\xff\xff\x01\x03")],
    "a value shorter than its head": [raw.pdu(4, b"\x00\x00\x00\x01\x01\x03")],
    "a value that is cut": [raw.pdu(4, b"\x00\x00")],
    "a context that was not agreed": [raw.data(raw.store_rq("1.2"), control=3, context_id=3)],
    "a dataset without a command": [raw.data(b"1234", control=2)],
    "a command in the midst of a dataset": [raw.data(raw.store_rq("1.2"), control=3)] * 2,
    "a command that is no command": [raw.data(b"\xff" * 40, control=3)],
    "a command without a message id": [raw.data(raw.element(0x0100, b"\x01\x00"), control=3)],
    "a service that was not agreed": [
        raw.data(raw.store_rq("1.2").replace(raw.element(0x100, b"\1\0"), raw.element(0x100, b" \0")), control=3)
    ],
    "a command without end": [raw.data(bytes(16000), control=1)] * 6,
    "a second association": [raw.associate_rq()],
}


@pytest.fixture(scope="module")
def shared_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreScp]:
    settings = StoreScpSettings(port=0, acse_timeout_seconds=5, stop_grace_seconds=0.1)
    scp = StoreScp(settings, MemoryInbox(), Spool(tmp_path_factory.mktemp("spool")), SilentObserver())
    scp.start()
    yield scp
    scp.stop()


@pytest.mark.parametrize("what", _BROKEN)
def test_a_peer_that_breaks_the_rules_is_aborted_with_a_reason(shared_door, what):
    with raw.connected(shared_door.port) as connection:
        if what != "no association first":
            connection.sendall(raw.associate_rq())
            assert raw.answer(connection)[0] == raw.ASSOCIATE_AC
        connection.sendall(b"".join(_BROKEN[what]))
        kind, body = raw.answer(connection)
        assert (kind, body[2]) == (raw.ABORT, 2)
        assert raw.answer(connection) is None
    until(lambda: not files(shared_door))


def test_a_request_that_is_no_request_is_aborted(shared_door):
    for sent in (b"GET / HTTP/1.1\r\n\r\n", raw.pdu(1, b"short"), b"\x01\x00\xff\xff\xff\xff"):
        with raw.connected(shared_door.port) as connection:
            connection.sendall(sent)
            assert raw.answer(connection)[0] == raw.ABORT


@pytest.mark.parametrize(
    ("settings", "request_", "reason"),
    [
        ({"allowed_calling_ae_titles": ("CT1",)}, {}, (1, 1, 3)),
        ({"is_called_ae_title_required": True}, {"called": "OTHER"}, (1, 1, 7)),
        ({"maximum_associations": 1}, {}, (2, 3, 2)),
        ({"maximum_associations_per_peer": 1}, {}, (2, 3, 2)),
        ({"maximum_associations_per_minute": 1}, {}, (2, 3, 1)),
    ],
)
def test_who_may_not_associate_is_told_why(door, settings, request_, reason):
    scp = door(**settings)
    with ExitStack() as stack:
        if any(name.startswith("maximum") for name in settings):
            stack.enter_context(associated(scp))
        connection = stack.enter_context(raw.connected(scp.port))
        connection.sendall(raw.associate_rq(**request_))
        kind, body = raw.answer(connection)
        assert (kind, tuple(body[1:4])) == (raw.ASSOCIATE_RJ, reason)


def test_a_place_is_free_again_when_its_association_has_ended(door):
    scp = door(maximum_associations=1)
    for _ in range(3):
        with associated(scp) as connection:
            connection.sendall(raw.RELEASE_RQ)
            assert raw.answer(connection)[0] == raw.RELEASE_RP
            assert raw.answer(connection) is None
        until(lambda: not scp._admission._open)


def test_an_association_that_says_nothing_is_aborted(door):
    with associated(door(network_timeout_seconds=0.3)) as connection:
        assert raw.answer(connection)[0] == raw.ABORT


def test_an_object_that_stops_midway_is_aborted_and_removed(door, inbox, slice_):
    uid, dataset = slice_
    scp = door(network_timeout_seconds=0.5)
    with associated(scp) as connection:
        first, second, *_ = raw.store(dataset, uid, piece=2000)
        connection.sendall(first + second)
        until(lambda: len(files(scp)) == 1)
        assert raw.answer(connection)[0] == raw.ABORT
    until(lambda: not files(scp))
    assert not inbox.arrivals


def test_a_caller_that_asks_for_nothing_is_cut_off(door):
    with raw.connected(door(acse_timeout_seconds=0.3).port) as connection:
        assert raw.answer(connection)[0] == raw.ABORT


def test_a_caller_that_drips_is_cut_off_too(door):
    with raw.connected(door(acse_timeout_seconds=0.5).port) as connection:
        ended = threading.Event()

        def drip() -> None:
            for byte in raw.associate_rq():
                if ended.wait(0.05):
                    return
                connection.send(bytes([byte]))

        dripper = threading.Thread(target=drip, daemon=True)
        dripper.start()
        assert raw.answer(connection)[0] == raw.ABORT
        ended.set()
        dripper.join()


def test_hundreds_of_silent_connections_keep_nobody_out(door):
    scp = door()
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(raw.connected(scp.port))
        assert_others_are_served(scp)


def test_more_connections_than_are_taken_are_closed_at_once(door):
    scp = door(maximum_connections=2, acse_timeout_seconds=30.0)
    with raw.connected(scp.port), raw.connected(scp.port), raw.connected(scp.port) as third:
        assert raw.answer(third) is None


def test_an_object_above_the_limit_is_refused_and_the_next_one_taken(door, inbox, slice_):
    uid, dataset = slice_
    scp = door(maximum_object_bytes=len(dataset))
    with associated(scp) as connection:
        connection.sendall(b"".join(raw.store(dataset + bytes(2), uid)))
        assert raw.status(raw.answer(connection)[1]) == 0xC001
        # The empty file for the next object may be there already.
        assert sum(file.stat().st_size for file in files(scp)) == 0
        connection.sendall(b"".join(raw.store(dataset, uid)))
        assert raw.status(raw.answer(connection)[1]) == 0
    assert [refusal.reason_code for refusal in inbox.refusals] == [RefusalCode.TOO_LARGE]


def test_a_large_object_takes_no_more_memory_than_a_small_one(door, inbox, slice_):
    uid, dataset = slice_
    head = dataset[: -64 * 64 * 2 - 4] + (4000 * 16000).to_bytes(4, "little")
    scp = door()
    with associated(scp) as connection:
        tracemalloc.start()
        connection.sendall(raw.data(raw.store_rq(uid), control=3) + raw.data(head, control=0))
        piece = raw.data(bytes(16000), control=0)
        for _ in range(4000):
            connection.sendall(piece)
        connection.sendall(raw.data(b"", control=2))
        assert raw.status(raw.answer(connection)[1]) == 0
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    (arrival,) = inbox.arrivals.values()
    assert arrival.size_bytes > 60_000_000
    assert peak < 5_000_000


def test_what_an_open_association_sent_is_kept_when_the_door_closes(door, inbox, slice_):
    uid, dataset = slice_
    scp = door()
    with associated(scp) as connection:
        connection.sendall(b"".join(raw.store(dataset, uid)))
        assert raw.status(raw.answer(connection)[1]) == 0
        scp.stop()
        assert raw.answer(connection)[0] == raw.ABORT
    assert set(inbox.arrivals) == {uid}
    assert [aborted for _, _, aborted in inbox.ended] == [True]
