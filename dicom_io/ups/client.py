"""A manager of work items that is spoken to by UPS-RS (PS3.18 11)."""

import json
import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import httpx
from pydicom.dataset import Dataset

from dicom_io.errors import UnreachableError
from dicom_io.ups.errors import (
    ManagerDownError,
    UnknownWorkitemError,
    WorkitemConflictError,
    WorkitemFormatError,
)
from dicom_io.ups.events import EventChannel
from dicom_io.ups.workitem import StepState, Workitem, read_workitem

_log = logging.getLogger(__name__)
_MEDIA_TYPE = "application/dicom+json"
_HEADERS = {"Accept": _MEDIA_TYPE}
_JSON = {"Content-Type": _MEDIA_TYPE}
#: Work items asked for in one turn; the rest waits for the next.
_AT_ONCE = 100


class UpsClient:
    """Implements `WorkitemManager`; hears of requests to cancel on an event channel."""

    def __init__(self, http: httpx.Client, ae_title: str) -> None:
        """Speak over *http*, rooted at the manager's services, and subscribe as *ae_title*."""
        self._http = http
        self._ae_title = ae_title
        self._channel = EventChannel(http)
        #: Work items that we hear of; after a restart, none yet.
        self._subscribed: set[str] = set()

    def close(self) -> None:
        """Hear no more, and close the connections."""
        self._channel.close()
        self._http.close()

    def waiting(self) -> Sequence[Workitem]:
        """SCHEDULED work items; see `WorkitemManager.waiting`."""
        query = {"ProcedureStepState": StepState.SCHEDULED.value, "limit": str(_AT_ONCE), "includefield": "all"}
        answer = self._ask("GET", "workitems", params=query)
        return _readable(_datasets(answer)) if answer.status_code == 200 else ()

    def move(self, uid: str, to: StepState, transaction_uid: str) -> None:
        """Claim, complete or cancel; see `WorkitemManager.move`."""
        said = Dataset()
        said.ProcedureStepState = to.value
        said.TransactionUID = transaction_uid
        self._ask("PUT", f"workitems/{uid}/state", content=_body(said))

    def update(self, uid: str, changes: Dataset, transaction_uid: str) -> None:
        """Report; see `WorkitemManager.update`."""
        self._ask("POST", f"workitems/{uid}?{transaction_uid}", content=_body(changes))

    def cancel_requests(self, claimed: AbstractSet[str]) -> AbstractSet[str]:
        """What the event channel told of; see `WorkitemManager.cancel_requests`."""
        for uid in claimed - self._subscribed:
            self._subscribe(uid)
            self._subscribed.add(uid)
        self._subscribed &= claimed
        return self._channel.cancel_requests & claimed

    def _subscribe(self, uid: str) -> None:
        answer = self._ask("POST", f"workitems/{uid}/subscribers/{self._ae_title}")
        self._channel.open(answer.headers.get("Content-Location", ""), self._ae_title)

    def _ask(
        self, method: str, path: str, *, params: dict[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        headers = _HEADERS | (_JSON if content is not None else {})
        try:
            answer = self._http.request(method, path, params=params, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, UnreachableError) as error:
            raise ManagerDownError(
                f"The manager of work items at {self._http.base_url} does not answer ({type(error).__name__}); "
                "it is asked again."
            ) from error
        _check(answer, method)
        return answer


def _check(answer: httpx.Response, method: str) -> None:
    if answer.is_success:
        return
    said = f"the manager answered a {method} with HTTP {answer.status_code}"
    if answer.status_code in {404, 410}:
        raise UnknownWorkitemError(f"There is no such work item any more: {said}.")
    if answer.status_code == 409:
        raise WorkitemConflictError(f"The work item is not in a state for that: {said}.")
    if answer.status_code >= 500 or answer.status_code in {401, 403, 408, 429}:
        raise ManagerDownError(f"The manager of work items is not to be had now: {said}; it is asked again.")
    raise WorkitemFormatError(f"The manager refuses what it was told: {said}.")


def _datasets(answer: httpx.Response) -> list[object]:
    try:
        said = answer.json()
    except ValueError:
        raise ManagerDownError("The manager's answer is no JSON; required: the DICOM JSON Model.") from None
    return said if isinstance(said, list) else [said]


def _readable(datasets: Sequence[object]) -> tuple[Workitem, ...]:
    found = []
    for one in datasets:
        try:
            dataset = Dataset.from_json(one)
            found.append(read_workitem(str(dataset.SOPInstanceUID), dataset))
        except (WorkitemFormatError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Others' work items are theirs to judge; ours would be readable.
            _log.warning("A work item was left: %s", type(error).__name__, extra={"action": "ups_left"})
    return tuple(found)


def _body(dataset: Dataset) -> bytes:
    return json.dumps([dataset.to_json_dict()]).encode()
