"""A Runtime that runs its model in the model service, or in any other Open Inference Protocol v2 server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import numpy as np
import numpy.typing as npt

from models.errors import RuntimeFailedError, RuntimeUnavailableError
from models.runtime import Tensors
from serving.api.errors import MalformedMessageError
from serving.api.inference_protocol import HEADER_LENGTH, Message, read_response, write_request

#: The server, or a proxy before it, cannot now; later it may.
_UNAVAILABLE = (429, 502, 503, 504)
#: Bytes that are cheaper to copy than to send piece by piece.
_SMALL = 1024 * 1024


class RemoteRuntime:
    """One model behind a URL; any number of threads may call it at once over kept-alive connections."""

    def __init__(self, base_url: str, model: str, version: str = "", *, timeout_seconds: float = 120.0) -> None:
        """Run *model* at *base_url*, e.g. ``http://127.0.0.1:3000``: its champion, or the release *version*."""
        path = f"/v2/models/{model}/versions/{version}" if version else f"/v2/models/{model}"
        self._name = f"'{model}' at '{base_url}'"
        self._path = path
        self._timeout_seconds = timeout_seconds
        # trust_env: a proxy for the internet must not see pixels.
        self._client = httpx.Client(
            base_url=base_url, timeout=httpx.Timeout(timeout_seconds, connect=5.0), trust_env=False
        )

    def infer(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
        """The outputs by name for *inputs* by name.

        Raises:
            RuntimeFailedError: the server refused the input or failed on it.
            RuntimeUnavailableError: it is not there, too slow, says that it cannot now, or does not speak the protocol:
                then something else answers in its place.
        """
        message = write_request(inputs)
        with self._translated():
            answer = self._client.post(f"{self._path}/infer", content=_content(message), headers=message.headers)
        self._check(answer)
        try:
            return read_response(answer.content, answer.headers.get(HEADER_LENGTH))
        except MalformedMessageError as error:
            raise RuntimeUnavailableError(
                f"{self._name} answered what is no inference response: {error}; see what listens there"
            ) from error

    def ready(self) -> bool:
        """Whether the model can be run now."""
        try:
            with self._translated():
                return self._client.get(f"{self._path}/ready").is_success
        except RuntimeUnavailableError:
            return False

    def warm_up(self) -> None:
        """Ask whether the model is ready, which loads and warms it there.

        Raises:
            RuntimeFailedError: it cannot be loaded.
            RuntimeUnavailableError: the server is not there.
        """
        with self._translated():
            self._check(self._client.get(f"{self._path}/ready"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        kind = RuntimeUnavailableError if answer.status_code in _UNAVAILABLE else RuntimeFailedError
        raise kind(f"{self._name} answered {answer.status_code}: {_reason(answer)}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise RuntimeUnavailableError(
                f"{self._name} did not answer in {self._timeout_seconds:g} s; see its load, or raise timeout_seconds"
            ) from error
        except httpx.TransportError as error:
            raise RuntimeUnavailableError(f"{self._name} cannot be reached: {error}; see that it runs") from error


def _content(message: Message) -> bytes | Iterator[bytes]:
    """Bytes of a small body, which httpx sends with less ado; the pieces of a large one, which need no joining."""
    if message.size <= _SMALL:
        return b"".join(message.parts)
    return message.chunks()


def _reason(answer: httpx.Response) -> str:
    """The ``error`` of the body, else its first characters."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(body.get("error", ""))[:500] if isinstance(body, dict) else str(body)[:200]
