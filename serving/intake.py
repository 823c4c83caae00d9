"""From a case that fell due to its work items: close the generation, match the rules, queue what applies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from dicom_io.errors import DicomIoError
from dicom_io.findings import Outcome
from dicom_io.uids import derive_uid
from models.errors import ModelError
from models.registry import ReleaseStore
from serving.errors import ImagesClearedError
from serving.records import audit, cases, hints, stays, work
from serving.records.cases import ClosedStudy
from serving.records.database import Transaction, reading, writing
from serving.records.stay_clock import Limits, close_on_clock
from serving.rules import Route, match_stay, match_study, route_named
from serving.settings.file import Rule
from serving.work.item import State


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What all work items of one closed generation share."""

    kind: str
    case_id: str
    generation: int
    input_at: datetime
    closed_at: datetime
    #: Who sent it; empty for a stay.
    sender: str = ""


class Intake:
    """Turns due studies and stays into work items, each in one transaction."""

    def __init__(
        self, engine: Engine, store: ReleaseStore, rules: Sequence[Rule], taking_in: Transaction = writing
    ) -> None:
        """Read cases from *engine*, resolve *rules*' models in *store*, close cases in transactions *taking_in*."""
        self._engine = engine
        self._taking_in = taking_in
        self._store = store
        self._rules = rules

    def take_due(self) -> int:
        """Close whatever has fallen due: how many cases were closed."""
        now = datetime.now(UTC)
        with reading(self._engine) as connection:
            whole = hints.fulfilled_studies(connection, now)
            studies = (*cases.due_studies(connection, now), *whole)
            stay_ids = stays.due_stays(connection, now)
        self._bring_forward(whole, now)
        closed = 0
        while closed < len(studies) and self._take_study(now):
            closed += 1
        for stay_id in stay_ids:
            self._take_stay(stay_id, now)
        return closed + len(stay_ids)

    def take_asked(self, study_uid: str, rule_name: str) -> tuple[str, bool] | None:
        """The work item that reads a closed study by one rule, and whether it was made for this; None while it is open.

        Whoever asks for a rule has chosen it: its conditions are not asked again.

        Raises:
            RuleError: there is no such rule for studies.
        """
        route = route_named(rule_name, self._rules)
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            generation = cases.settled_generation(connection, study_uid)
            if generation is None:
                return None
            case = _imaging_case(connection, study_uid, generation, now)
            (hinted,) = hints.with_hints(connection, study_uid, [route], now)
            return self._add(connection, case, hinted)

    def _bring_forward(self, whole: Sequence[str], now: datetime) -> None:
        """Let studies fall due of which all that MPPS or IAN promised is here."""
        if whole:
            with writing(self._engine) as connection:
                hints.bring_forward(connection, whole, now)

    def _take_study(self, now: datetime) -> bool:
        """Close the next study that is due; False when there is none."""
        with self._taking_in(self._engine) as connection:
            closed = cases.close_next(connection, now)
            if closed is not None:
                self._queue_study(connection, closed, now)
        return closed is not None

    def _queue_study(self, connection: Connection, closed: ClosedStudy, now: datetime) -> None:
        study_uid = closed.study_uid
        case = _imaging_case(connection, study_uid, closed.generation, now)
        work.supersede_older(connection, study_uid, closed.generation, now)
        try:
            cases.demand_all_images(connection, study_uid)
            routes = match_study(cases.load_study(connection, study_uid), self._rules)
        except ImagesClearedError as error:
            _put_aside(connection, case, "images_cleared", str(error))
        except DicomIoError as error:
            _put_aside(connection, case, "contradictory_study", str(error))
        else:
            self._queue(connection, case, hints.with_hints(connection, study_uid, routes, now))

    def _take_stay(self, stay_id: str, now: datetime) -> None:
        with self._taking_in(self._engine) as connection:
            closed = stays.close_generation(connection, stay_id, now)
            if closed is None:
                return
            case = _Case(
                kind="stay", case_id=stay_id, generation=closed.generation, input_at=closed.as_of, closed_at=now
            )
            work.supersede_older(connection, stay_id, closed.generation, now)
            self._queue(connection, case, match_stay(self._rules))

    def take_on_clock(self, stay_id: str, limits: Limits, now: datetime) -> bool:
        """Queue another score of a stay as of *now*, by the rules that ask for it; False when it is not old any more.

        Nothing older is set aside: what still waits is of a model that may not be on the clock.
        """
        with writing(self._engine) as connection:
            closed = close_on_clock(connection, stay_id, limits, now)
            if closed is None:
                return False
            case = _Case(kind="stay", case_id=stay_id, generation=closed.generation, input_at=now, closed_at=now)
            self._queue(connection, case, match_stay(self._rules, on_clock=True))
            return True

    def _queue(self, connection: Connection, case: _Case, routes: Sequence[Route]) -> None:
        if not routes:
            _put_aside(connection, case, "no_rule", "no rule matches this case: no model here is meant for it")
        for route in routes:
            self._add(connection, case, route)
        audit.append(
            connection, "case_closed", case.case_id, {"generation": case.generation, "routes": [r.rule for r in routes]}
        )

    def _add(self, connection: Connection, case: _Case, route: Route) -> tuple[str, bool]:
        """Its id, and whether it was not there before."""
        columns = _columns(case, route) | self._release_of(route, case)
        is_new = work.add_item(connection, columns)
        if is_new and route.urgency:
            work.note(connection, columns["id"], case.closed_at, State(columns["state"]), route.urgency)
        return columns["id"], is_new

    def _release_of(self, route: Route, case: _Case) -> dict[str, Any]:
        """The release's columns, or a failed state with the reason when there is none to use."""
        try:
            release = self._store.resolve(route.model, route.alias)
        except ModelError as error:
            return {
                "state": State.FAILED.value,
                "outcome": Outcome.FAILED.value,
                "reason_code": "no_release",
                "reason": str(error),
                "finished_at": case.closed_at,
            }
        return {"model_version": release.manifest.version, "release_digest": release.digest}


def _imaging_case(connection: Connection, study_uid: str, generation: int, now: datetime) -> _Case:
    input_at, sender = cases.origin_of(connection, study_uid)
    return _Case(
        kind="imaging", case_id=study_uid, generation=generation, input_at=input_at, closed_at=now, sender=sender
    )


def _columns(case: _Case, route: Route) -> dict[str, Any]:
    return {
        "id": derive_uid("work-item", case.case_id, str(case.generation), route.model),
        "kind": case.kind,
        "case_id": case.case_id,
        "generation": case.generation,
        "rule": route.rule,
        "model": route.model,
        "model_version": "",
        "release_digest": "",
        "priority": route.priority,
        "state": State.QUEUED.value,
        "not_before": case.closed_at,
        "created_at": case.closed_at,
        "input_at": case.input_at,
        "sender": case.sender,
    }


def _put_aside(connection: Connection, case: _Case, code: str, reason: str) -> None:
    """Record that a case was looked at and no model applied: not analysed, with its reason."""
    nobody = Route(rule="", model="", alias="", priority=3)
    ending = {
        "state": State.DONE.value,
        "outcome": Outcome.NOT_ANALYSED.value,
        "reason_code": code,
        "reason": reason,
        "finished_at": case.closed_at,
    }
    work.add_item(connection, _columns(case, nobody) | ending)
