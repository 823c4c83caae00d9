"""Open Inference Protocol v2 with the binary tensor extension: tensors to bytes and back, without copying them.

https://github.com/kserve/open-inference-protocol (inference_rest.md) and Triton's ``extension_binary_data.md``: a JSON
header, then the little-endian bytes of the tensors that have a ``binary_data_size``, in the header's order; the HTTP
header ``Inference-Header-Content-Length`` says where the JSON ends.
"""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.datatypes import NUMPY_TYPES, datatype_of
from models.runtime import Tensors
from serving.api.errors import MalformedMessageError

#: HTTP header that says how many bytes of the body are JSON.
HEADER_LENGTH = "Inference-Header-Content-Length"
#: JSON beyond this is refused: pixels travel as binary.
MAXIMUM_JSON_BYTES = 8 * 1024 * 1024
#: Our JSON is filled with spaces up to a multiple of this, so that the tensors behind it lie aligned in memory.
ALIGNMENT = 64
#: Bytes handed to HTTP at once.
_CHUNK = 256 * 1024

_Size = Annotated[int, Field(ge=0)]
_Model = TypeVar("_Model", bound=BaseModel)


class _Loose(BaseModel):
    # Clients may send parameters that we have no use for.
    model_config = ConfigDict(extra="ignore")


class _Parameters(_Loose):
    binary_data_size: _Size | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False


class _Tensor(_Loose):
    name: str
    shape: tuple[_Size, ...]
    datatype: str
    data: list[Any] | None = None
    parameters: _Parameters = _Parameters()


class _Wanted(_Loose):
    name: str
    parameters: _Parameters = _Parameters()


class _Request(_Loose):
    id: str = ""
    inputs: list[_Tensor]
    outputs: list[_Wanted] = []
    parameters: _Parameters = _Parameters()


class _Response(_Loose):
    outputs: list[_Tensor]


@dataclass(frozen=True, kw_only=True)
class InferenceRequest:
    """What a client asks."""

    #: The client's own name for the request; answered unchanged.
    id: str
    #: Inputs by name; they share memory with the body.
    inputs: Tensors
    #: Wanted outputs by name -> whether as binary; empty = every output.
    outputs: Mapping[str, bool]
    #: Whether outputs that are not named are wanted as binary.
    binary: bool

    def wants_binary(self, name: str) -> bool:
        """Whether output *name* is to be sent as binary."""
        return self.outputs.get(name, self.binary)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A body in the parts that are sent one after the other."""

    #: JSON, then one part per binary tensor.
    parts: tuple[memoryview, ...]
    #: Bytes of JSON when tensors follow; None when there is only JSON.
    header_length: int | None

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return sum(len(part) for part in self.parts)

    def chunks(self) -> Iterator[bytes]:
        """The body: in one piece when it is small, else in pieces small enough for back pressure to work."""
        if self.size <= _CHUNK:
            yield b"".join(self.parts)
            return
        for part in self.parts:
            for start in range(0, len(part), _CHUNK):
                yield part[start : start + _CHUNK].tobytes()

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers that describe the body."""
        size = {"Content-Length": str(self.size)}
        if self.header_length is None:
            return {**size, "Content-Type": "application/json"}
        return {**size, "Content-Type": "application/octet-stream", HEADER_LENGTH: str(self.header_length)}


def read_request(body: bytes | bytearray | memoryview, header_length: str | None) -> InferenceRequest:
    """The request in *body*, whose first *header_length* bytes are JSON (all when None).

    Raises:
        MalformedMessageError: it does not follow the protocol.
    """
    header, binary = _split(body, header_length)
    request = _parsed(header, _Request)
    everything = request.parameters.binary_data_output
    wanted = {one.name: _either(one.parameters.binary_data, everything) for one in request.outputs}
    return InferenceRequest(id=request.id, inputs=_tensors(request.inputs, binary), outputs=wanted, binary=everything)


def write_request(inputs: Mapping[str, npt.NDArray[np.generic]]) -> Message:
    """The request for all outputs of *inputs*, everything as binary."""
    described, parts = _described(inputs, binary=inputs)
    return _message({"inputs": described, "parameters": {"binary_data_output": True}}, parts)


def read_response(body: bytes | bytearray | memoryview, header_length: str | None) -> Tensors:
    """The outputs by name in *body*.

    Raises:
        MalformedMessageError: it does not follow the protocol.
    """
    header, binary = _split(body, header_length)
    return _tensors(_parsed(header, _Response).outputs, binary)


def write_response(request: InferenceRequest, outputs: Tensors, *, model: str, version: str) -> Message:
    """The answer to *request*: those of *outputs* that it wants, as it wants them.

    Raises:
        MalformedMessageError: it wants an output that there is not.
    """
    missing = sorted(set(request.outputs) - set(outputs))
    if missing:
        raise MalformedMessageError(f"outputs {missing} were asked for; the model gives {sorted(outputs)}")
    chosen = {name: outputs[name] for name in (request.outputs or outputs)}
    described, parts = _described(chosen, binary={name for name in chosen if request.wants_binary(name)})
    header: dict[str, object] = {"model_name": model, "model_version": version, "outputs": described}
    if request.id:
        header["id"] = request.id
    return _message(header, parts)


def _either(value: bool | None, otherwise: bool) -> bool:  # noqa: FBT001 - two flags of the wire, not of behaviour
    return otherwise if value is None else value


def _split(body: bytes | bytearray | memoryview, header_length: str | None) -> tuple[memoryview, memoryview]:
    view = memoryview(body)
    length = len(view)
    if header_length is not None:
        length = _count(header_length)
        if not 0 <= length <= len(view):
            raise MalformedMessageError(
                f"'{HEADER_LENGTH}' is '{header_length[:20]}'; required is a number, at most {len(view)}"
            )
    if length > MAXIMUM_JSON_BYTES:
        raise MalformedMessageError(
            f"the JSON has {length} bytes, at most {MAXIMUM_JSON_BYTES} are read; send tensors with binary_data_size"
        )
    return view[:length], view[length:]


def _count(text: str) -> int:
    """The number in *text*, -1 when it is none; a number of many digits would take long to read."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1


def _parsed(header: memoryview, kind: type[_Model]) -> _Model:
    try:
        return kind.model_validate_json(bytes(header))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()[:5])
        raise MalformedMessageError(f"the JSON is no Open Inference Protocol v2 message: {faults}") from error


def _tensors(described: list[_Tensor], binary: memoryview) -> Tensors:
    found: Tensors = {}
    offset = 0
    for one in described:
        if one.name in found:
            raise MalformedMessageError(f"tensor '{one.name}' comes twice; each name may come once")
        size = one.parameters.binary_data_size
        found[one.name] = _from_json(one) if size is None else _from_bytes(one, binary[offset : offset + size])
        offset += size or 0
    if offset != len(binary):
        raise MalformedMessageError(f"{len(binary)} bytes follow the JSON; its tensors state {offset}")
    return found


def _from_bytes(one: _Tensor, data: memoryview) -> npt.NDArray[np.generic]:
    datatype = _numpy_type(one)
    required = math.prod(one.shape) * datatype.itemsize
    if len(data) != required or one.parameters.binary_data_size != required:
        raise MalformedMessageError(
            f"tensor '{one.name}' states {one.parameters.binary_data_size} bytes and {len(data)} are there; "
            f"{one.datatype} of shape {list(one.shape)} has {required}"
        )
    # Foreign clients do not align; ONNX Runtime reads the memory as it is.
    return np.require(np.frombuffer(data, datatype).reshape(one.shape), requirements=["ALIGNED"])


def _from_json(one: _Tensor) -> npt.NDArray[np.generic]:
    datatype = _numpy_type(one)
    if one.data is None:
        raise MalformedMessageError(f"tensor '{one.name}' has neither data nor binary_data_size; it needs one")
    try:
        # null is NaN: JSON has no other way to say "not measured".
        return np.array(one.data, datatype).reshape(one.shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise MalformedMessageError(
            f"tensor '{one.name}' has data that is no {one.datatype} of shape {list(one.shape)}: {error}"
        ) from error


def _numpy_type(one: _Tensor) -> np.dtype[np.generic]:
    found = NUMPY_TYPES.get(one.datatype)
    if found is None:
        raise MalformedMessageError(
            f"tensor '{one.name}' has datatype '{one.datatype[:20]}'; known are {', '.join(NUMPY_TYPES)}"
        )
    return found


def _described(
    arrays: Mapping[str, npt.NDArray[np.generic]], binary: Collection[str]
) -> tuple[list[dict[str, object]], list[memoryview]]:
    described: list[dict[str, object]] = []
    parts: list[memoryview] = []
    for name, array in arrays.items():
        one: dict[str, object] = {"name": name, "shape": list(array.shape), "datatype": datatype_of(array)}
        if name in binary:
            one["parameters"] = {"binary_data_size": array.nbytes}
            parts.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        else:
            one["data"] = _json_values(array)
        described.append(one)
    return described, parts


def _json_values(array: npt.NDArray[np.generic]) -> list[object]:
    values: list[object] = array.reshape(-1).tolist()
    # NaN is no JSON; written as it is read.
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]


def _message(header: dict[str, object], parts: list[memoryview]) -> Message:
    text = json.dumps(header).encode()
    if not parts:
        return Message(parts=(memoryview(text),), header_length=None)
    padded = text.ljust(-(-len(text) // ALIGNMENT) * ALIGNMENT)
    return Message(parts=(memoryview(padded), *parts), header_length=len(padded))
