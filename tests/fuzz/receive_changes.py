"""How the bytes of a session are changed, from a source of whole numbers: hypothesis, or chance."""

from collections.abc import Callable, Sequence

#: A number from low to high, both included.
Draw = Callable[[int, int], int]

#: Numbers that mean something at some place: lengths, types, control headers, tags.
TOKENS = (
    b"\x00",
    b"\xff",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x00\x02\x00\x00",
    b"\x04\x00\x00\x00\x00\x00",
    b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    b"\x00\x00\x00\x02\x01\x02",
    b"\x00\x00\x00\x02\x01\x03",
    b"\xfe\xff\x00\xe0",
    b"../../../",
)


def changed(session: Sequence[bytes], draw: Draw) -> bytes:
    """One to four changes: bytes overwritten, put in, taken out, or whole PDUs dropped, doubled, swapped, cut off."""
    pdus = [bytearray(pdu) for pdu in session]
    for _ in range(draw(1, 4)):
        if pdus:
            _CHANGES[draw(0, len(_CHANGES) - 1)](pdus, draw(0, len(pdus) - 1), draw)
    return b"".join(pdus)


def _overwrite(pdus: list[bytearray], index: int, draw: Draw) -> None:
    start, token = _place(pdus[index], draw), TOKENS[draw(0, len(TOKENS) - 1)]
    pdus[index][start : start + len(token)] = token


def _flip(pdus: list[bytearray], index: int, draw: Draw) -> None:
    if pdus[index]:
        pdus[index][_place(pdus[index], draw)] ^= 1 << draw(0, 7)


def _put_in(pdus: list[bytearray], index: int, draw: Draw) -> None:
    start = _place(pdus[index], draw)
    pdus[index][start:start] = TOKENS[draw(0, len(TOKENS) - 1)]


def _take_out(pdus: list[bytearray], index: int, draw: Draw) -> None:
    start = _place(pdus[index], draw)
    del pdus[index][start : start + draw(1, 8)]


def _drop(pdus: list[bytearray], index: int, draw: Draw) -> None:
    del draw
    del pdus[index]


def _double(pdus: list[bytearray], index: int, draw: Draw) -> None:
    pdus.insert(draw(0, len(pdus)), bytearray(pdus[index]))


def _swap(pdus: list[bytearray], index: int, draw: Draw) -> None:
    other = draw(0, len(pdus) - 1)
    pdus[index], pdus[other] = pdus[other], pdus[index]


def _cut_off(pdus: list[bytearray], index: int, draw: Draw) -> None:
    del pdus[index][_place(pdus[index], draw) :]
    del pdus[index + 1 :]


def _place(pdu: bytearray, draw: Draw) -> int:
    # Where lengths and types stand, more often than elsewhere.
    highest = max(len(pdu) - 1, 0)
    return draw(0, min(11, highest)) if draw(0, 1) else draw(0, highest)


_CHANGES = (_overwrite, _flip, _put_in, _take_out, _drop, _double, _swap, _cut_off)
