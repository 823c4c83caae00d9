"""Tensors to bytes and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.runtime import Tensors
from serving.api import inference_protocol
from serving.api.errors import MalformedMessageError
from serving.api.inference_protocol import (
    ALIGNMENT,
    HEADER_LENGTH,
    Message,
    read_request,
    read_response,
    write_request,
    write_response,
)

EVERY_DATATYPE: Tensors = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([[1.5, np.nan]], np.float16),
    "c": np.array([-(2**62)], np.int64),
    "d": np.zeros((0, 4), np.uint8),
    "e": np.array([True, False]),
}


def joined(message: Message) -> bytes:
    return b"".join(message.chunks())


def a_body(tensor: dict[str, object], after: bytes = b"") -> tuple[bytes, str]:
    header = json.dumps({"inputs": [{"name": "a", "shape": [2], "datatype": "FP32", **tensor}]}).encode()
    return header + after, str(len(header))


def test_every_datatype_goes_there_and_back():
    message = write_request(EVERY_DATATYPE)
    found = read_request(joined(message), message.headers[HEADER_LENGTH])
    assert list(found.inputs) == list(EVERY_DATATYPE)
    for name, array in EVERY_DATATYPE.items():
        np.testing.assert_array_equal(found.inputs[name], array, strict=True)


@pytest.mark.parametrize("binary", [True, False])
def test_an_answer_goes_back_as_it_was_wanted(binary: bool):  # noqa: FBT001 - a case of the test
    request = read_request(
        json.dumps(
            {
                "id": "7",
                "inputs": [],
                "outputs": [{"name": "a", "parameters": {"binary_data": binary}}, {"name": "b"}],
            }
        ).encode(),
        None,
    )
    message = write_response(request, EVERY_DATATYPE, model="m", version="v")
    header = json.loads(joined(message)[: message.header_length])
    assert (header["id"], header["model_name"], header["model_version"]) == ("7", "m", "v")
    found = read_response(joined(message), message.headers.get(HEADER_LENGTH))
    assert list(found) == ["a", "b"]
    for name in found:
        np.testing.assert_array_equal(found[name], EVERY_DATATYPE[name], strict=True)


def test_json_tensors_may_be_nested_or_flat_and_null_is_not_measured():
    for data in ([[1, 2], [3, None]], [1, 2, 3, None]):
        body = json.dumps({"inputs": [{"name": "a", "shape": [2, 2], "datatype": "FP32", "data": data}]})
        found = read_request(body.encode(), None).inputs["a"]
        np.testing.assert_array_equal(found, np.array([[1, 2], [3, np.nan]], np.float32), strict=True)


def test_our_tensors_are_read_where_they_lie():
    message = write_request({"a": np.ones((4, 4), np.float32)})
    assert message.header_length is not None
    assert message.header_length % ALIGNMENT == 0
    body = bytearray(joined(message))
    found = read_request(body, str(message.header_length)).inputs["a"]
    body[-4:] = np.float32(7).tobytes()
    assert found[3, 3] == 7


def test_tensors_of_clients_that_do_not_align_are_made_to():
    body, length = a_body({"parameters": {"binary_data_size": 8}}, np.array([1, 2], np.float32).tobytes())
    for shift in range(4):
        padded = body[: int(length)] + b" " * shift + body[int(length) :]
        array = read_request(padded, str(int(length) + shift)).inputs["a"]
        assert array.flags.aligned
        assert array.tolist() == [1, 2]


def test_an_output_that_is_not_there_is_refused():
    request = read_request(b'{"inputs": [], "outputs": [{"name": "z"}]}', None)
    with pytest.raises(MalformedMessageError, match="the model gives"):
        write_response(request, EVERY_DATATYPE, model="m", version="v")


@pytest.mark.parametrize(
    ("tensor", "after", "words"),
    [
        ({}, b"", "neither data nor"),
        ({"data": [1, 2, 3]}, b"", "no FP32 of shape"),
        ({"data": ["x", "y"]}, b"", "no FP32"),
        ({"data": [[1], [2, 3]]}, b"", "no FP32"),
        ({"datatype": "BYTES", "data": ["x", "y"]}, b"", "known are FP32"),
        ({"datatype": "INT64", "data": [2**70, 1]}, b"", "no INT64"),
        ({"shape": [-1], "data": [1]}, b"", "greater than or equal to 0"),
        ({"shape": [2**62, 2**62], "parameters": {"binary_data_size": 8}}, bytes(8), "has 8507"),
        ({"parameters": {"binary_data_size": 8}}, bytes(4), "4 are there"),
        ({"parameters": {"binary_data_size": 8}}, bytes(12), "12 bytes follow"),
        ({"parameters": {"binary_data_size": -8}}, bytes(8), "greater than or equal"),
        ({"parameters": {"binary_data_size": 2**80}}, bytes(8), "8 are there"),
    ],
)
def test_a_tensor_that_contradicts_itself_is_refused(tensor: dict[str, object], after: bytes, words: str):
    with pytest.raises(MalformedMessageError, match=words):
        read_request(*a_body(tensor, after))


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"", None),
        (b"\x80\x04pickle", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"inputs": 1}', None),
        (b'{"inputs": []}', "15"),
        (b'{"inputs": []}', "-1"),
        (b'{"inputs": []}', "1e1"),
        (b'{"inputs": []}', "9" * 5000),
        (b'{"inputs": []}', "\u0661\u0664"),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, length: str | None):
    with pytest.raises(MalformedMessageError):
        read_request(body, length)


def test_a_name_may_come_once():
    one = {"name": "a", "shape": [1], "datatype": "FP32", "data": [1]}
    with pytest.raises(MalformedMessageError, match="twice"):
        read_request(json.dumps({"inputs": [one, one]}).encode(), None)


def test_long_json_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inference_protocol, "MAXIMUM_JSON_BYTES", 100)
    with pytest.raises(MalformedMessageError, match="send tensors with binary_data_size"):
        read_request(b'{"inputs": []}'.ljust(101), None)


def test_values_that_are_no_json_are_written_as_null():
    request = read_request(b'{"inputs": []}', None)
    outputs: Tensors = {"a": np.array([np.nan, np.inf, 1], np.float32)}
    body = joined(write_response(request, outputs, model="m", version="v"))
    assert json.loads(body)["outputs"][0]["data"] == [None, None, 1]


@given(st.binary(max_size=300), st.one_of(st.none(), st.integers(-2, 400).map(str), st.text(max_size=5)))
def test_garbage_is_refused_and_never_crashes(body: bytes, length: str | None):
    with pytest.raises(MalformedMessageError):
        read_request(body, length)
