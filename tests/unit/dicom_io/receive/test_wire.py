"""What passes through one connection."""

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from dicom_io.receive import wire as wire_module
from dicom_io.receive.wire import Wire

_HEAD = struct.Struct(">I")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        yield ours, theirs


def _send(theirs: socket.socket, data: bytes, cuts: random.Random) -> None:
    while data:
        size = cuts.randint(1, 400)
        theirs.sendall(data[:size])
        data = data[size:]


@pytest.mark.parametrize("seed", range(5))
def test_fragments_are_put_together_whatever_the_segments_that_they_come_in(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Each fragment has a head; messages of several fragments follow each other without a pause."""
    monkeypatch.setattr(wire_module, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(wire_module, "_AHEAD_BYTES", 50)
    ours, theirs = ends
    chance = random.Random(seed)
    messages = [[chance.randbytes(chance.randint(0, 700)) for _ in range(6)] for _ in range(4)]
    sent = b"".join(_HEAD.pack(len(one)) + one for fragments in messages for one in fragments)
    sender = threading.Thread(target=_send, args=(theirs, sent, chance))
    sender.start()
    wire = Wire(ours)
    wire.allow(10)
    for fragments in messages:
        pieces: list[bytes] = []
        for number in range(len(fragments)):
            (count,) = wire.unpack(_HEAD)
            pieces += map(bytes, wire.gather(count, is_last=number == len(fragments) - 1))
        assert b"".join(pieces) == b"".join(fragments)
        assert [len(piece) for piece in pieces[:-1]] == [1000] * (len(pieces) - 1)
    sender.join()


def test_a_peer_that_sends_too_slowly_is_given_up(ends: tuple[socket.socket, socket.socket]) -> None:
    """A byte now and then does not make the time longer."""
    ours, theirs = ends
    wire = Wire(ours)
    wire.allow(0.05)
    theirs.sendall(b"\0")
    with pytest.raises(TimeoutError):
        wire.read(2)
    wire.allow(10)
    theirs.sendall(b"\1\2")
    assert wire.read(2) == b"\1\2"
