"""A short, repeatable part of `make fuzz` in every test run, and each input that once broke something."""

import functools
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_io.uids import is_valid_uid
from tests.fuzz.targets import TARGETS, attempt, seeds_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

_BRIEF = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
#: Bytes that mean something: lengths, tags, delimiters, markers, escapes.
_TOKENS = st.sampled_from(
    [
        *(b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0", b"\xe0\x7f\x10\x00"),
        *(b"\x00\x00\x00\x00", b"\xff\xff", b"\xff\xd9", b"\xff\x4f\xff\x51", b"SQ\x00\x00", b"UN\x00\x00"),
        *(b"OW\x00\x00", b"\x1b$B", b"\\", b"1e999", b"NaN\\NaN", b"-1", b"../../", b"\x28\x00\x08\x00"),
    ]
)


@functools.cache
def _seeds(target: str) -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as folder:
        return tuple(seeds_of(target, Path(folder)))


@st.composite
def _changed(draw: st.DrawFn, target: str) -> bytes:
    """A valid input with a few bytes overwritten, put in, taken out or cut off."""
    data = bytearray(draw(st.sampled_from(_seeds(target))))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        token = draw(_TOKENS | st.binary(min_size=1, max_size=6))
        match draw(st.sampled_from(("over", "in", "out", "cut"))):
            case "over":
                data[start : start + len(token)] = token
            case "in":
                data[start:start] = token
            case "out":
                del data[start : start + len(token)]
            case _:
                del data[start:]
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_changed_inputs_give_values_or_our_own_errors(target: str, tmp_path: Path):
    @_BRIEF
    @given(_changed(target))
    def run(data: bytes) -> None:
        attempt(target, data, tmp_path)

    run()


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_fuzzer_begins_with_is_valid(target: str, tmp_path: Path):
    """Or it would change what is refused at the first byte, and see nothing of the rest."""
    for seed in seeds_of(target, tmp_path / "seeds"):
        TARGETS[target](seed, tmp_path)


@pytest.mark.parametrize("target", ["file-header", "dataset-header"])
def test_any_bytes_give_values_or_our_own_errors(target: str, tmp_path: Path):
    @_BRIEF
    @given(st.binary(max_size=400), st.booleans())
    def run(data: bytes, has_prefix: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        attempt(target, bytes(128) + b"DICM" + data if has_prefix else data, tmp_path)

    run()


@_BRIEF
@given(st.text(max_size=70))
def test_a_uid_that_is_valid_is_a_safe_file_name(text: str):
    if is_valid_uid(text):
        assert set(text) <= set("0123456789.")
        assert ".." not in text
        assert len(text) <= 64


def _element(tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", *tag, vr, len(value)) + value


CASES = {
    "nothing at all": b"",
    "a sequence in a sequence, a thousand deep": bytes([1])
    + (b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 1000,
    "a sequence without an end": bytes([1]) + b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0" * 50,
    "millions of empty elements": bytes([0]) + bytes(2_000_000),
    "items of no length for ever": bytes([1])
    + b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"
    + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 200_000,
    "a length that reaches beyond the end": bytes([1]) + _element((8, 0x16), b"UI", b"1.2")[:-1],
}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES.keys())
def test_what_once_broke_or_would_take_for_ever_is_refused_at_once(data: bytes, tmp_path: Path):
    attempt("dataset-header", data, tmp_path)
