"""Sending DICOM files by STOW-RS and asking for them by QIDO-RS (PS3.18 10.5 and 10.6)."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.headers import Header, read_header
from dicom_io.send.destination import Receipt, Reference, Refusal
from dicom_io.send.web_address import WebAddress

_CHUNK_BYTES = 256 * 1024
_JSON = "application/dicom+json"
#: HTTP statuses that speak of this one object; any other speaks of the service, which may be mended meanwhile.
_ABOUT_THE_OBJECT = frozenset({400, 409, 413, 415, 422})
_WAY_OUT = {401: "; renew the token", 403: "; renew the token", 404: "; check the url"}
_SOP_INSTANCE_UID = "00080018"
_FAILED_SOP_SEQUENCE, _REFERENCED_SOP_SEQUENCE = "00081198", "00081199"
_REFERENCED_SOP_INSTANCE_UID, _FAILURE_REASON, _WARNING_REASON = "00081155", "00081197", "00081196"
#: Duplicate SOP Instance (PS3.7 C.5.7): it is there, which is what was wanted.
_ALREADY_HELD = 0x0111


class StowRs:
    """A DICOMweb archive as a destination."""

    def __init__(self, address: WebAddress, *, confirms: bool = True) -> None:
        """Send to *address*; where it *confirms*, a success counts only once QIDO-RS finds the object."""
        self._address = address
        self._confirms = confirms
        self._client: httpx.Client | None = None

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send each file in a request of its own, streamed; see `Destination.send`."""
        return tuple(self._send_one(path) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Ask by QIDO-RS; see `Destination.holds`."""
        return {reference.sop_instance_uid for reference in references if self._finds(reference)}

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send_one(self, path: Path) -> Receipt | Refusal:
        header = read_header(path)
        boundary = uuid4().hex
        parts = _Parts(path, boundary)
        with self._translated():
            response = self._connected().post(
                f"/studies/{header.study_instance_uid}",
                content=iter(parts),
                headers={
                    "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                    "Content-Length": str(parts.size),
                    "Accept": _JSON,
                },
            )
        answer = self._answer(response, header.instance.sop_instance_uid)
        if isinstance(answer, Receipt) and self._confirms and not self._finds(_reference(header)):
            raise UnreachableError(
                f"{self._address.url} said that it stored an object, but does not find it. Ask again."
            )
        return answer

    def _answer(self, response: httpx.Response, uid: str) -> Receipt | Refusal:
        if response.status_code >= 300 and response.status_code not in _ABOUT_THE_OBJECT:
            raise UnreachableError(self._told(response))
        said = _dataset(response)
        failure = _reason(said, _FAILED_SOP_SEQUENCE, _FAILURE_REASON, uid)
        if failure is not None and 0xA700 <= failure <= 0xA7FF:
            raise UnreachableError(
                f"{self._address.url} is out of resources ({failure:04X}). Send the object again later."
            )
        if failure not in (None, _ALREADY_HELD):
            reason = (
                f"{self._address.url} refused an object with failure reason {failure:04X} (PS3.18 10.5.3); see its log"
            )
            return Refusal(sop_instance_uid=uid, reason=reason)
        if failure is None and response.status_code >= 300:
            return Refusal(sop_instance_uid=uid, reason=self._told(response))
        warning = _reason(said, _REFERENCED_SOP_SEQUENCE, _WARNING_REASON, uid)
        return Receipt(sop_instance_uid=uid, status=failure or warning or 0x0000, at=datetime.now(UTC))

    def _finds(self, reference: Reference) -> bool:
        place = f"/studies/{reference.study_instance_uid}/series/{reference.series_instance_uid}/instances"
        with self._translated():
            response = self._connected().get(
                place, params={"SOPInstanceUID": reference.sop_instance_uid}, headers={"Accept": _JSON}
            )
        # PS3.18 10.6.3: 204 when nothing matches; some answer 404 for a study that they do not know.
        if response.status_code in (204, 404):
            return False
        if response.status_code >= 500 or response.status_code in (401, 403, 408, 429):
            raise UnreachableError(self._told(response))
        if response.status_code != 200:
            raise RejectedError(
                f"{self._told(response)}; required of QIDO-RS: 200. Set can_query = false if it has none."
            )
        return any(_first(one, _SOP_INSTANCE_UID) == reference.sop_instance_uid for one in _list(response))

    def _connected(self) -> httpx.Client:
        if self._client is None:
            self._client = self._address.client()
        return self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            # httpx's own text may quote the URL, which names a study.
            raise UnreachableError(
                f"{self._address} does not answer ({type(error).__name__}). Check that it runs, url, certificates "
                "and firewall."
            ) from error

    def _told(self, response: httpx.Response) -> str:
        return f"{self._address} answered HTTP {response.status_code}{_WAY_OUT.get(response.status_code, '')}"


class _Parts:
    """One file as a multipart/related body that is read while it is sent."""

    def __init__(self, path: Path, boundary: str) -> None:
        self._path = path
        self._head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.size = len(self._head) + path.stat().st_size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        yield self._tail


def _reference(header: Header) -> Reference:
    return Reference(
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=header.instance.sop_instance_uid,
    )


def _dataset(response: httpx.Response) -> dict[str, Any]:
    """The Store Instances Response Module; empty where the answer is none, which the confirmation then makes up for."""
    found = _list(response)
    return found[0] if found else {}


def _list(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        said = response.json()
    except ValueError:
        return []
    return [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, dict)]


def _reason(said: dict[str, Any], sequence: str, attribute: str, uid: str) -> int | None:
    for item in said.get(sequence, {}).get("Value", []):
        if _first(item, _REFERENCED_SOP_INSTANCE_UID) == uid:
            reason = _first(item, attribute)
            return int(reason) if reason is not None else None
    return None


def _first(item: dict[str, Any], tag: str) -> Any:
    return next(iter(item.get(tag, {}).get("Value", [])), None)
