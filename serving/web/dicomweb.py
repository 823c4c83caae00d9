"""``POST /dicomweb/studies``: the STOW-RS door of the web process, and what it speaks over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dicom_io.receive.files import TakenFile
from dicom_io.receive.multipart import (
    MultipartError,
    MultipartLimits,
    MultipartReader,
    TooLargeError,
    WrongMediaTypeError,
    boundary_of,
)
from dicom_io.receive.statuses import StoreStatus
from dicom_io.receive.stow import DICOM_MEDIA_TYPE, StoreResult, StowDoor, response_of, result_of
from dicom_io.uids import is_valid_uid
from serving.web.dicom_forms import DicomForm, MediaTypeError, answer_of, wanted_form

#: Longest name of a sender in the books.
_LONGEST_NAME = 16
_STATUS: Mapping[StoreResult, int] = {
    StoreResult.STORED: 200,
    StoreResult.PARTLY: 202,
    StoreResult.REFUSED: 409,
    StoreResult.NO_ROOM: 507,
}
#: What did not come whole cannot be understood.
_BROKEN_OFF = TakenFile(
    status=StoreStatus.CANNOT_UNDERSTAND, reason="it broke off", sop_class_uid="", sop_instance_uid="", study_uid=""
)


@dataclass(frozen=True, kw_only=True)
class StowLimits:
    """What one request may be."""

    #: Objects and their size.
    body: MultipartLimits
    #: Longest silence.
    stall_seconds: float


def stow_routes(door: StowDoor, directory: Path, limits: StowLimits) -> list[Route]:
    """The routes of *door*; parts lie in *directory*, which is emptied now, until they are stored."""
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob("*.part"):
        left.unlink(missing_ok=True)
    http = _Http(door, directory, limits)
    return [
        Route("/dicomweb/studies", http.store, methods=["POST"]),
        Route("/dicomweb/studies/{study_uid}", http.store, methods=["POST"]),
    ]


class _Http:
    def __init__(self, door: StowDoor, directory: Path, limits: StowLimits) -> None:
        self._door = door
        self._directory = directory
        self._limits = limits

    async def store(self, request: Request) -> Response:
        study_uid = request.path_params.get("study_uid", "")
        if study_uid and not is_valid_uid(study_uid):
            return _fault(400, "the Study Instance UID in the path is none by PS3.5 9.1")
        if request.headers.get("content-encoding", "identity") != "identity":
            return _fault(415, "the body may not be compressed as a whole; send it without Content-Encoding")
        try:
            form = wanted_form(request)
            boundary = boundary_of(request.headers.get("content-type", ""), DICOM_MEDIA_TYPE)
        except MediaTypeError as error:
            return _fault(error.status, str(error))
        except WrongMediaTypeError as error:
            return _fault(415, str(error))
        except MultipartError as error:
            return _fault(400, str(error))
        reader = MultipartReader(boundary, self._directory, self._limits.body)
        stored, fault = await self._store(request, reader, study_uid)
        return _answer(stored, fault, form)

    async def _store(
        self, request: Request, reader: MultipartReader, study_uid: str
    ) -> tuple[list[TakenFile], tuple[int, str] | None]:
        """What became of each part, and the HTTP status and words of what broke the request off."""
        stored: list[TakenFile] = []
        client = request.client.host[-_LONGEST_NAME:] if request.client else ""
        fault = None
        try:
            async for chunk in self._chunks(request):
                for part in await run_in_threadpool(reader.feed, chunk):
                    one = await run_in_threadpool(self._door.take, part, study_uid=study_uid, client=client)
                    stored.append(one)
        except TooLargeError as error:
            fault = (413, str(error))
        except MultipartError as error:
            fault = (400, str(error))
        except TimeoutError:
            fault = (408, f"nothing came for {self._limits.stall_seconds:g} seconds")
        except ClientDisconnect:
            fault = (400, "the body broke off")
        finally:
            stored += [_BROKEN_OFF] * await run_in_threadpool(reader.close)
            whole = fault is None and reader.is_whole
            await run_in_threadpool(self._door.end, stored, client=client, is_whole=whole)
        return stored, fault

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        stream = aiter(request.stream())
        while True:
            async with asyncio.timeout(self._limits.stall_seconds):
                chunk = await anext(stream, None)
            if chunk is None:
                return
            yield chunk


def _answer(stored: Sequence[TakenFile], fault: tuple[int, str] | None, form: DicomForm) -> Response:
    if fault is not None:
        status, text = fault
        # What was stored before the fault is told, so that it need not come again.
        warning = {"Warning": f'299 varsel "{text}"'}
        return answer_of(response_of(stored), form, status, warning) if stored else _fault(status, text)
    if not stored:
        return _fault(400, "the body holds no object")
    result = result_of(stored)
    again = {"Retry-After": "60"} if result is StoreResult.NO_ROOM else {}
    return answer_of(response_of(stored), form, _STATUS[result], again)


def _fault(status: int, text: str) -> Response:
    return PlainTextResponse(text, status_code=status)
