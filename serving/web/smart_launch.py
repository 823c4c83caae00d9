"""The record launches us with a patient in context (SMART App Launch 2.2, EHR launch), and the page of the stay opens.

A launch leads to a page and signs nobody on: who may see the page is decided where it always is, by the proxy.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import quote

import structlog
from sqlalchemy import Engine, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ehr_io.errors import SmartError
from ehr_io.smart import (
    Challenge,
    Endpoints,
    LaunchContext,
    Registration,
    authorization_url,
    discover,
    draw_challenge,
    exchange,
)
from serving.records import audit
from serving.records.database import reading, writing
from serving.records.schema import STAY
from serving.settings.smart import Smart, SmartRecord
from serving.web.view import View

_LOG = structlog.get_logger(__name__)
_RETURN = "/launch/return"
#: Ties the launch to the browser that began it.
_COOKIE = "varsel_launch"
#: More launches under way than this, and the oldest is forgotten: a flood must not fill the memory.
_MOST_UNDER_WAY = 1_000


@dataclass(frozen=True, kw_only=True)
class _Underway:
    """A launch between its two requests."""

    registration: Registration
    endpoints: Endpoints
    challenge: Challenge
    began: float


@dataclass(kw_only=True)
class _Launches:
    """Launches under way, each taken once."""

    return_seconds: float
    _by_state: dict[str, _Underway] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, launch: _Underway) -> None:
        with self._lock:
            while len(self._by_state) >= _MOST_UNDER_WAY:
                del self._by_state[next(iter(self._by_state))]
            self._by_state[launch.challenge.state] = launch

    def take(self, state: str) -> _Underway | None:
        with self._lock:
            found = self._by_state.pop(state, None)
        return found if found is not None and time.monotonic() - found.began <= self.return_seconds else None


class SmartLaunch:
    """The two addresses of a launch."""

    def __init__(self, engine: Engine, settings: Smart, public_url: str, view: View) -> None:
        """Let the records of *settings* launch; they reach us at *public_url*."""
        self._engine = engine
        self._settings = settings
        self._records: Mapping[str, SmartRecord] = {one.issuer: one for one in settings.records}
        self._public_url = public_url
        self._view = view
        self._launches = _Launches(return_seconds=settings.return_seconds)

    def routes(self) -> list[Route]:
        """Both, where any record may launch."""
        if not self._records:
            return []
        return [Route("/launch", self.begin, name="launch"), Route(_RETURN, self.end, name="launch_return")]

    def begin(self, request: Request) -> Response:
        """``GET /launch?iss=&launch=``: send the clinician's browser to the record's sign-on."""
        record = self._records.get(request.query_params.get("iss", "").rstrip("/"))
        launch = request.query_params.get("launch", "")
        if record is None or not launch:
            return self._fault(request, "launch_unknown", 400)
        try:
            registration = self._registration(record)
            endpoints, challenge = discover(registration), draw_challenge()
        except (SmartError, OSError) as error:
            return self._refused(request, error)
        self._launches.begin(
            _Underway(registration=registration, endpoints=endpoints, challenge=challenge, began=time.monotonic())
        )
        answer = RedirectResponse(authorization_url(registration, endpoints, launch, challenge), status_code=303)
        answer.set_cookie(
            _COOKIE,
            challenge.state,
            max_age=int(self._settings.return_seconds),
            path=_RETURN,
            secure=self._public_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
        return answer

    def end(self, request: Request) -> Response:
        """``GET /launch/return?code=&state=``: from the record's sign-on to the page of the stay."""
        state = request.query_params.get("state", "")
        is_same_browser = secrets.compare_digest(state.encode(), request.cookies.get(_COOKIE, "").encode())
        launch = self._launches.take(state) if state and is_same_browser else None
        if launch is None:
            return self._fault(request, "launch_stale", 400)
        code = request.query_params.get("code", "")
        if not code:
            return self._fault(request, "launch_denied", 403)
        try:
            context = exchange(launch.registration, launch.endpoints, code, launch.challenge)
        except SmartError as error:
            return self._refused(request, error)
        return self._opened(request, context, launch.registration.issuer)

    def _opened(self, request: Request, context: LaunchContext, issuer: str) -> Response:
        stay_id = self._stay_of(context)
        if stay_id is None:
            return self._fault(request, "launch_no_stay", 404)
        with writing(self._engine) as connection:
            audit.append(connection, "launched", stay_id, {"record": issuer, "user": context.user})
        answer = RedirectResponse(f"/stays/{quote(stay_id, safe='')}", status_code=303)
        answer.delete_cookie(_COOKIE, path=_RETURN)
        return answer

    def _stay_of(self, context: LaunchContext) -> str | None:
        """The stay in context, of that patient; without one the patient's newest; None when none is known here."""
        newest = select(STAY.c.stay_id).order_by(STAY.c.known_until.desc()).limit(1)
        for name, told in (("stay_id", context.encounter_id), ("patient_id", context.patient_id)):
            newest = newest.where(STAY.c[name] == told) if told else newest
        if not context.encounter_id and not context.patient_id:
            return None
        with reading(self._engine) as connection:
            return connection.scalar(newest)

    def _registration(self, record: SmartRecord) -> Registration:
        file = record.client_secret_file
        return Registration(
            issuer=record.issuer,
            client_id=record.client_id,
            client_secret="" if file is None else file.read_text(encoding="ascii").strip(),
            scope=record.scope,
            redirect_uri=f"{self._public_url}{_RETURN}",
            timeout_seconds=self._settings.timeout_seconds,
        )

    def _refused(self, request: Request, error: Exception) -> Response:
        # What the record said may quote tokens; our own words for it do not.
        told = str(error) if isinstance(error, SmartError) else type(error).__name__
        _LOG.warning("A launch from the record failed.", action="launch_failed", error=told)
        return self._fault(request, "launch_failed", 502)

    def _fault(self, request: Request, words: str, status: int) -> Response:
        return self._view.page(request, "error.html", {"words": words, "status": status}, status=status)
