"""The door for work items: UPS-RS (PS3.18 11), for requesters where the hospital has no manager of its own."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydicom.dataset import Dataset
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dicom_io.errors import NotDicomError
from dicom_io.ups.errors import (
    UnknownWorkitemError,
    WorkitemConflictError,
    WorkitemError,
    WorkitemFormatError,
)
from dicom_io.ups.matching import Keys, read_keys
from dicom_io.ups.workitem import CODING_SCHEME, StepState, read_workitem
from serving.errors import DatabaseDownError
from serving.records import subscriptions, workitems
from serving.records.database import reading, reading_in_parts, writing
from serving.records.subscriptions import FILTERED_SUBSCRIPTION, WELL_KNOWN, Json, Subscription
from serving.records.workitems import KeptWorkitem
from serving.web.bodies import BodyOverLimitError, read_body
from serving.web.dicom_forms import (
    DicomForm,
    MediaTypeError,
    answer_of,
    answer_of_several,
    form_of_body,
    read_dataset,
    wanted_form,
)

#: A work item names series, not pixels; a large one has some kilobytes.
_MAXIMUM_BODY_BYTES = 2**20
#: Work items in one answer; the next ones are asked for with an offset.
_AT_ONCE = 1000
_MORE = '299 varsel "There are additional results that can be requested"'
#: The words of PS3.18 8.3.4.2.
_NOT_FUZZY = '299 varsel "The fuzzymatching parameter is not supported. Only literal matching has been performed."'
#: Query parameters that are no attribute (PS3.18 8.3.4).
_NOT_MATCHING = frozenset({"limit", "offset", "includefield", "fuzzymatching", "accept", "charset"})
_NOT_FILTERING = frozenset({"deletionlock", "filter", "accept", "charset"})
_STATUS: Mapping[type[WorkitemError], int] = {
    WorkitemFormatError: 400,
    UnknownWorkitemError: 404,
    WorkitemConflictError: 409,
}


def ups_routes(engine: Engine, rules: frozenset[str]) -> list[Route]:
    """The routes of the door; a work item asks for one of *rules* in its Scheduled Workitem Code Sequence."""
    door = _Door(engine, rules)
    one = "/dicomweb/workitems/{uid}"
    return [
        Route("/dicomweb/workitems", door.guarded(door.create), methods=["POST"]),
        Route("/dicomweb/workitems", door.guarded(door.search), methods=["GET"]),
        Route(one, door.guarded(door.read), methods=["GET"]),
        Route(one, door.guarded(door.update), methods=["POST"]),
        Route(f"{one}/state", door.guarded(door.move), methods=["PUT"]),
        Route(f"{one}/cancelrequest", door.guarded(door.cancel), methods=["POST"]),
        Route(f"{one}/cancelrequest/{{requester}}", door.guarded(door.cancel), methods=["POST"]),
        Route(f"{one}/subscribers/{{ae_title}}", door.guarded(door.subscribe), methods=["POST"]),
        Route(f"{one}/subscribers/{{ae_title}}", door.guarded(door.unsubscribe), methods=["DELETE"]),
        Route(f"{one}/subscribers/{{ae_title}}/suspend", door.guarded(door.suspend), methods=["POST"]),
    ]


class _Door:
    def __init__(self, engine: Engine, rules: frozenset[str]) -> None:
        self._engine = engine
        self._rules = rules

    def guarded(self, act: Any) -> Any:
        """*act* with our errors as HTTP answers."""

        async def answer(request: Request) -> Response:
            try:
                return await act(request)
            except WorkitemError as error:
                status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
                return _fault(status, str(error))
            except BodyOverLimitError as error:
                return _fault(413, str(error))
            except MediaTypeError as error:
                return _fault(error.status, str(error))
            except DatabaseDownError:
                return _fault(
                    503, "the database does not answer; nothing was changed, try again", {"Retry-After": "10"}
                )

        return answer

    async def create(self, request: Request) -> Response:
        """``POST /workitems?{uid}`` (11.4)."""
        dataset = await _read(request)
        uid = _bare_parameter(request) or str(dataset.get("SOPInstanceUID", "") or "")
        self._check_code(uid, dataset)
        await run_in_threadpool(self._write, workitems.create, uid, dataset)
        return Response(status_code=201, headers={"Location": f"{request.url.path}/{uid}"})

    async def search(self, request: Request) -> Response:
        """``GET /workitems`` (11.9)."""
        form = wanted_form(request)
        named = request.query_params.multi_items()
        wanted = read_keys((name, value) for name, value in named if name not in _NOT_MATCHING)
        limit = min(_whole(request, "limit", _AT_ONCE), _AT_ONCE)
        found = await run_in_threadpool(self._search, wanted, _whole(request, "offset", 0), limit + 1)
        answer = answer_of_several(found[:limit], form) if found[:limit] else Response(status_code=204)
        is_fuzzy = request.query_params.get("fuzzymatching", "false") != "false"
        warnings = [_MORE] * (len(found) > limit) + [_NOT_FUZZY] * is_fuzzy
        if warnings:
            answer.headers["Warning"] = ", ".join(warnings)
        return answer

    async def read(self, request: Request) -> Response:
        """``GET /workitems/{uid}`` (11.5)."""
        form = wanted_form(request)
        kept = await run_in_threadpool(self._get, request.path_params["uid"])
        # JSON is an array for one dataset, too (PS3.18 F.2).
        return answer_of_several([kept.dataset], form) if form is DicomForm.JSON else answer_of(kept.dataset, form)

    async def update(self, request: Request) -> Response:
        """``POST /workitems/{uid}?{transaction}`` (11.6)."""
        changes, uid = await _read(request), request.path_params["uid"]
        transaction_uid = _bare_parameter(request) or request.query_params.get("transaction-uid", "")
        await run_in_threadpool(self._write, workitems.change, uid, changes, transaction_uid)
        return Response(status_code=200)

    async def move(self, request: Request) -> Response:
        """``PUT /workitems/{uid}/state`` (11.7)."""
        said, uid = await _read(request), request.path_params["uid"]
        wanted = str(said.get("ProcedureStepState", ""))
        if wanted not in _STATES:
            raise WorkitemFormatError(f"Procedure Step State (0074,1000): required: one of {', '.join(_STATES)}.")
        transaction_uid = str(said.get("TransactionUID", "") or "")
        await run_in_threadpool(self._write, workitems.move, uid, StepState(wanted), transaction_uid)
        return Response(status_code=200)

    async def cancel(self, request: Request) -> Response:
        """``POST /workitems/{uid}/cancelrequest`` (11.8): asked of whoever performs it."""
        said = await _read(request) if int(request.headers.get("content-length", "0") or 0) else Dataset()
        if "requester" in request.path_params:
            said.RequestingAE = _ae_title(request, "requester")
        await run_in_threadpool(self._write, workitems.request_cancel, request.path_params["uid"], said)
        return Response(status_code=202)

    async def subscribe(self, request: Request) -> Response:
        """``POST /workitems/{uid}/subscribers/{aet}`` (11.10)."""
        wanted = _subscription(request)
        await run_in_threadpool(self._write, subscriptions.subscribe, wanted)
        scheme = "wss" if request.url.scheme == "https" else "ws"
        channel = f"{scheme}://{request.url.netloc}/dicomweb/ws/subscribers/{wanted.ae_title}"
        return Response(status_code=201, headers={"Content-Location": channel})

    async def unsubscribe(self, request: Request) -> Response:
        """``DELETE /workitems/{uid}/subscribers/{aet}`` (11.11)."""
        await run_in_threadpool(self._leave, subscriptions.unsubscribe, request)
        return Response(status_code=200)

    async def suspend(self, request: Request) -> Response:
        """``POST /workitems/{uid}/subscribers/{aet}/suspend`` (11.12): what is there is heard of, no new ones."""
        if request.path_params["uid"] not in WELL_KNOWN:
            required = " or ".join(sorted(WELL_KNOWN))
            raise WorkitemFormatError(f"Only a subscription to several work items is suspended; required: {required}.")
        await run_in_threadpool(self._leave, subscriptions.suspend, request)
        return Response(status_code=200)

    def _check_code(self, uid: str, dataset: Dataset) -> None:
        # Nothing is taken that nobody here would ever perform.
        item = read_workitem(uid, dataset)
        if item.code not in self._rules:
            known = ", ".join(sorted(self._rules)) or "none"
            raise WorkitemFormatError(
                f"Scheduled Workitem Code Sequence (0040,4018): found no code of a rule; required: a Code Value of "
                f"Coding Scheme {CODING_SCHEME}: {known}."
            )
        item.study_uid  # noqa: B018  Raises when it names no study, or several.

    def _write(self, act: Any, *arguments: Any) -> None:
        with writing(self._engine) as connection:
            act(connection, *arguments, datetime.now(UTC))

    def _leave(self, act: Any, request: Request) -> None:
        uid, ae_title = request.path_params["uid"], _ae_title(request)
        with writing(self._engine) as connection:
            act(connection, uid, ae_title)

    def _get(self, uid: str) -> KeptWorkitem:
        with reading(self._engine) as connection:
            return workitems.get(connection, uid)

    def _search(self, keys: Keys, first: int, limit: int) -> tuple[Json, ...]:
        with reading_in_parts(self._engine) as connection:
            return workitems.search(connection, keys, first, limit)


_STATES = tuple(state.value for state in StepState)


async def _read(request: Request) -> Dataset:
    """The one dataset in the body, in the DICOM JSON Model (PS3.18 F.2) or the Native DICOM Model (PS3.19 A.1)."""
    form = form_of_body(request)
    body = await read_body(request, _MAXIMUM_BODY_BYTES)
    try:
        dataset = Dataset.from_json(read_dataset(body, form))
        # Values are converted when they are read; a broken one shall be found now.
        dataset.to_json_dict()
    except NotDicomError as error:
        raise WorkitemFormatError(str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WorkitemFormatError(
            f"The body cannot be read ({type(error).__name__}); required: one dataset as {form.value}."
        ) from None
    return dataset


def _bare_parameter(request: Request) -> str:
    """PS3.18 11.4 and 11.6 write the UID as a query without a name: ``/workitems?1.2.3``."""
    query = request.url.query
    return query if "=" not in query else request.query_params.get("workitem", "")


def _subscription(request: Request) -> Subscription:
    uid, lock = request.path_params["uid"], request.query_params.get("deletionlock", "false")
    if lock not in {"true", "false"}:
        raise WorkitemFormatError("Found a deletionlock that is neither; required: true or false.")
    keys = _filter(request)
    if bool(keys) is not (uid == FILTERED_SUBSCRIPTION):
        raise WorkitemFormatError(
            f"Found {'a' if keys else 'no'} filter; required: one with {FILTERED_SUBSCRIPTION}, and with nothing else."
        )
    return Subscription(ae_title=_ae_title(request), uid=uid, keys=keys, is_locked=lock == "true")


def _filter(request: Request) -> Keys:
    """Matching keys in ``filter``, with a comma between them (11.10.1.2), or as parameters, as in 2019 (6.9.7.1)."""
    listed = ",".join(request.query_params.getlist("filter"))
    # A comma before no further key belongs to a list of UIDs.
    parts = filter(None, re.split(r",(?=[^,=]*=)", listed))
    named = [(name, value) for name, value in request.query_params.multi_items() if name not in _NOT_FILTERING]
    return read_keys([*((name, value) for name, _, value in (one.partition("=") for one in parts)), *named])


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise WorkitemFormatError(f"'{name}' must be a whole number.")
    return int(text)


def _ae_title(request: Request, of: str = "ae_title") -> str:
    title = str(request.path_params[of])
    if not (0 < len(title) <= 16 and title.isascii() and title.isprintable() and "\\" not in title):
        raise WorkitemFormatError("The AE title in the address is none by PS3.5 6.2; required: 1 to 16 characters.")
    return title


def _fault(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    warning = {"Warning": f'299 varsel "{text}"'} if text.isascii() and '"' not in text else {}
    return PlainTextResponse(text, status_code=status, headers=warning | (headers or {}))
