"""Performs UPS work items: claims what names one of our rules, waits for its analysis, says what came out."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Engine

from dicom_io.ups.errors import ManagerDownError, WorkitemConflictError, WorkitemError, WorkitemFormatError
from dicom_io.ups.performed import Performed, cancellation, performed, progress
from dicom_io.ups.workitem import CODING_SCHEME, StepPriority, StepState, Workitem
from dicom_io.ups.worklist import WorkitemManager
from serving.errors import RuleError
from serving.records import audit, hints, work
from serving.records import performed as jobs
from serving.records.database import reading, writing
from serving.records.hints import HintSource, PriorityHint
from serving.records.performed import Job, JobEnd, ManagerName, PerformedState
from serving.work.item import State
from serving.workitems.fetch import InputFetcher

_LOG = structlog.get_logger(__name__)

#: UPS knows three levels; only an order can say that something is acute.
_PRIORITY = {StepPriority.HIGH: 1, StepPriority.MEDIUM: 2, StepPriority.LOW: 3}


class Line(Protocol):
    """The imaging line, as far as someone may ask of it."""

    def take_asked(self, study_uid: str, rule_name: str) -> tuple[str, bool] | None:
        """Id of the work item for a closed study, and whether it was made for this; None while the study is open."""


@dataclass(frozen=True, kw_only=True)
class PerformerSite:
    """What a performer needs to know of its site."""

    #: Names of the rules for studies, which work items may ask for.
    rules: frozenset[str]
    #: Name of a destination -> AE title that its objects can be had from.
    ae_titles: Mapping[str, str]
    #: How we call ourselves.
    station: str
    #: Name of this worker's node.
    node: str
    #: Work items claimed at once.
    maximum_claimed: int
    #: How long input is waited for.
    input_wait: timedelta


class Performer:
    """One look at a time; everything that must survive a restart is in the tables."""

    def __init__(
        self,
        engine: Engine,
        managers: Mapping[ManagerName, WorkitemManager],
        line: Line,
        fetcher: InputFetcher,
        site: PerformerSite,
    ) -> None:
        """Perform the work items of *managers* on *line*; what is not here comes by *fetcher*."""
        self._engine = engine
        self._managers = managers
        self._line = line
        self._fetcher = fetcher
        self._site = site

    def turn(self) -> None:
        """Claim what waits, and bring what is claimed one step further; of several nodes the first alone does so."""
        with reading(self._engine) as connection:
            if jobs.first_node(connection) not in (None, self._site.node):
                return
        for name in self._managers:
            self._guarded(name, partial(self._claim_waiting, name))
            self._guarded(name, partial(self._advance_all, name))

    def _guarded(self, manager: ManagerName, act: Callable[[], None]) -> None:
        try:
            act()
        except ManagerDownError as error:
            _LOG.error("A manager of work items is down.", action="ups_down", kind=manager.value, error=str(error))

    def _claim_waiting(self, name: ManagerName) -> None:
        waiting = [item for item in self._managers[name].waiting() if item.code in self._site.rules]
        with reading(self._engine) as connection:
            free = self._site.maximum_claimed - len(jobs.active(connection))
            seen = jobs.known(connection, [item.uid for item in waiting])
        new = sorted((item for item in waiting if item.uid not in seen), key=lambda item: _PRIORITY[item.priority])
        for item in new[: max(0, free)]:
            self._take(name, item)

    def _take(self, name: ManagerName, item: Workitem) -> None:
        try:
            study_uid = item.study_uid
        except WorkitemFormatError as error:
            _LOG.warning("A work item cannot be performed: %s", str(error), action="ups_left")
            return
        now = datetime.now(UTC)
        job = Job(
            uid=item.uid,
            manager=name,
            transaction_uid=f"2.25.{uuid.uuid4().int}",
            study_uid=study_uid,
            rule=item.code,
            priority=_PRIORITY[item.priority],
            archive=self._fetcher.archive_for(item.inputs),
            state=PerformedState.CLAIMING,
            claimed_at=now,
            deadline_at=now + self._site.input_wait,
        )
        with writing(self._engine) as connection:
            jobs.add(connection, job)
        self._claim(job)

    def _advance_all(self, name: ManagerName) -> None:
        with reading(self._engine) as connection:
            mine = [job for job in jobs.active(connection) if job.manager is name]
        claimed = {job.uid for job in mine if job.state is not PerformedState.CLAIMING}
        asked_to_stop = self._managers[name].cancel_requests(claimed)
        for job in mine:
            self._advance(job, stop=job.uid in asked_to_stop)

    def _advance(self, job: Job, *, stop: bool) -> None:
        try:
            if job.state is PerformedState.CLAIMING:
                self._claim(job)
            elif stop:
                self._stop(job)
            elif job.state is PerformedState.CLAIMED:
                self._begin(job)
            else:
                self._look(job)
        except ManagerDownError:
            raise
        except WorkitemError as error:
            self._end(job, PerformedState.LOST, str(error))

    def _claim(self, job: Job) -> None:
        manager = self._managers[job.manager]
        try:
            manager.move(job.uid, StepState.IN_PROGRESS, job.transaction_uid)
        except WorkitemConflictError as error:
            # The answer to an earlier claim of ours may have been lost: only the claimer may report progress.
            try:
                manager.update(job.uid, progress(0, "claimed"), job.transaction_uid)
            except WorkitemConflictError:
                self._end(job, PerformedState.LOST, str(error))
                return
        now = datetime.now(UTC)
        hint = PriorityHint(
            source=HintSource.UPS,
            priority=job.priority,
            reason="asked for by a UPS work item",
            expires_at=job.deadline_at,
            study_uid=job.study_uid,
        )
        with writing(self._engine) as connection:
            jobs.set_state(connection, job.uid, PerformedState.CLAIMED)
            hints.note_priority(connection, hint, now)
            audit.append(connection, "ups_claimed", job.uid, {"case": job.study_uid, "rule": job.rule})
        _LOG.info("A UPS work item was claimed.", action="ups_claimed", rule=job.rule)

    def _begin(self, job: Job) -> None:
        try:
            asked = self._line.take_asked(job.study_uid, job.rule)
        except RuleError as error:
            # It was there when the work item was claimed; the settings have changed since.
            self._cancel(job, str(error))
            return
        if asked is None:
            self._wait_for_input(job)
            return
        work_item_id, is_new = asked
        now = datetime.now(UTC)
        with writing(self._engine) as connection:
            jobs.hurry(connection, work_item_id, job.priority, job.uid, now)
            jobs.set_state(connection, job.uid, PerformedState.WORKING, work_item_id=work_item_id, asked_alone=is_new)
            audit.append(connection, "ups_working", job.uid, {"work_item": work_item_id})
        self._managers[job.manager].update(job.uid, progress(50, "being analysed"), job.transaction_uid)

    def _wait_for_input(self, job: Job) -> None:
        with reading(self._engine) as connection:
            is_arriving = jobs.has_study(connection, job.study_uid)
        fetched = None if is_arriving or not job.archive else self._fetcher.fetch(job.study_uid, job.archive)
        if fetched is not None and fetched.is_final:
            self._cancel(job, f"its input cannot be fetched: {fetched.failure}")
        elif datetime.now(UTC) > job.deadline_at:
            why = f": {fetched.failure}" if fetched is not None and fetched.failure else ""
            self._cancel(job, f"its input was not here in time{why}")

    def _look(self, job: Job) -> None:
        with reading(self._engine) as connection:
            end = jobs.look(connection, job.work_item_id)
        if end.state is State.DONE:
            self._complete(job, end)
        elif end.state is State.FAILED:
            self._cancel(job, f"the analysis failed: {end.reason}")
        elif end.state is State.SUPERSEDED:
            # More of the study came: the answer is that of its newer generation.
            with writing(self._engine) as connection:
                jobs.set_state(connection, job.uid, PerformedState.CLAIMED)

    def _complete(self, job: Job, end: JobEnd) -> None:
        what = Performed(
            code=(job.rule, CODING_SCHEME, f"Varsel rule {job.rule}"),
            station=self._site.station,
            started_at=job.claimed_at,
            ended_at=datetime.now(UTC),
            outputs=end.outputs,
            archives=[self._site.ae_titles[name] for name in end.destinations if name in self._site.ae_titles],
            comment=f"{end.outcome}: {end.reason}" if end.reason else end.outcome,
        )
        manager = self._managers[job.manager]
        manager.update(job.uid, performed(what), job.transaction_uid)
        manager.move(job.uid, StepState.COMPLETED, job.transaction_uid)
        self._end(job, PerformedState.COMPLETED, end.outcome)

    def _stop(self, job: Job) -> None:
        self._cancel(job, "cancelled as asked for")
        if job.asked_alone and job.work_item_id:
            ending = {"reason_code": "cancelled", "reason": "the work item that asked for it was cancelled"}
            with reading(self._engine) as connection:
                state = jobs.look(connection, job.work_item_id).state
            if state in {State.QUEUED, State.WAITING}:
                now = datetime.now(UTC)
                with writing(self._engine) as connection:
                    work.move_item(connection, job.work_item_id, State.SUPERSEDED, now, finished_at=now, **ending)

    def _cancel(self, job: Job, reason: str) -> None:
        manager = self._managers[job.manager]
        manager.update(job.uid, cancellation(reason, datetime.now(UTC)), job.transaction_uid)
        manager.move(job.uid, StepState.CANCELED, job.transaction_uid)
        self._end(job, PerformedState.CANCELED, reason)

    def _end(self, job: Job, state: PerformedState, reason: str) -> None:
        detail = {"work_item": job.work_item_id, "reason": reason}
        with writing(self._engine) as connection:
            jobs.set_state(connection, job.uid, state, reason=reason)
            audit.append(connection, f"ups_{state.value}", job.uid, detail)
        _LOG.info("A UPS work item has ended.", action="ups_ended", state=state.value, rule=job.rule)
