"""One run of analysis: a claimed work item becomes results on disk, rows in one transaction, and queued deliveries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from dicom_io.errors import DicomIoError, PixelError
from dicom_io.findings import Outcome
from models.registry import ReleaseStore
from models.release import Release
from models.runtime import Runtime
from serving.alerts.live import decide_risk
from serving.alerts.notify import AlertNotifier
from serving.alerts.policy import AlertPolicy
from serving.compose import Composer
from serving.dispatch import Outgoing
from serving.errors import NotAnalysedError, SettledError
from serving.groundwork import Groundwork
from serving.guard import Guard, find_guard
from serving.messages import MessageComposer
from serving.pipeline import Analysis, Subject, analyse_study, not_analysed
from serving.records import audit, cases, ledger, results, stays, work
from serving.records.database import Transaction, reading, writing
from serving.records.stays import RiskRecord
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination
from serving.settings.images import Images
from serving.stay_pipeline import StaySubject, score_stay
from serving.stopwatch import Stopwatch, Watch, unwatched
from serving.supersede import Earlier
from serving.work.item import State

#: Gives the runtime of a release.
RuntimeOf = Callable[[Release], Runtime]


def _unheard() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a run needs of the site it runs at."""

    #: Results go to these.
    destinations: Sequence[AnyDestination]
    #: Language of what is said.
    language: str
    #: Result objects and pictures lie below this.
    results_dir: Path
    #: When a ward is told of a risk.
    alert_policies: Sequence[AlertPolicy] = ()
    #: Where others reach the pages.
    public_url: str = ""
    #: How large an image may be.
    images: Images = field(default_factory=Images)
    #: Told when a study's analysis begins, and again when its answer is about to be written down: soon it will be sent.
    before_sending: Callable[[], None] = _unheard


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How one run ended, for metrics."""

    #: The answer.
    outcome: Outcome
    #: Stage -> seconds.
    timings: Mapping[str, float]
    #: Deliveries that were queued.
    deliveries: int


class Analyser:
    """Runs work items, one call each; safe to be called again for the same item after a crash."""

    def __init__(
        self,
        engine: Engine,
        store: ReleaseStore,
        runtime_of: RuntimeOf,
        site: Site,
        watch: Watch = unwatched,
        recording: Transaction = writing,
    ) -> None:
        """Read and record on *engine*, take releases from *store*, run them by *runtime_of*, seen by *watch*.

        What comes out is recorded in a transaction of *recording*.
        """
        self._engine = engine
        self._recording = recording
        self._watch = watch
        self._store = store
        self._runtime_of = runtime_of
        self._site = site
        self._composer = Composer(site.results_dir, site.destinations)
        self._notifier = AlertNotifier(
            results_dir=site.results_dir, destinations=site.destinations, public_url=site.public_url
        )
        self._messages = MessageComposer(site.results_dir, site.destinations, self._told_before)

    def run(self, item: WorkItem) -> Ending | None:
        """Analyse *item* and record what came out; None when an earlier run had already done so."""
        if item.state is not State.RUNNING:
            return None
        release = self._store.open(item.model, item.release_digest)
        return self._run_stay(item, release) if item.kind == "stay" else self._run_study(item, release)

    def _stopwatch_for(self, item: WorkItem) -> Stopwatch:
        return Stopwatch(lambda stage: self._watch(item.id, stage))

    def _run_study(self, item: WorkItem, release: Release) -> Ending:
        stopwatch, groundwork = self._stopwatch_for(item), Groundwork()
        self._site.before_sending()
        with reading(self._engine) as connection:
            study = cases.load_study(connection, item.case_id)
        subject = Subject(
            study=study,
            generation=item.generation,
            release=release,
            language=self._site.language,
            closed_at=item.created_at,
            images=self._site.images,
            on_image=groundwork.begin,
        )
        earlier = self._earlier(item)
        analysis = earlier.named_in(self._analyse(subject, stopwatch))
        self._site.before_sending()
        written = self._composer.compose(item, study, analysis, groundwork, stopwatch)
        messages = self._messages.compose(item, study, analysis, written)
        notes = earlier.notes(item, analysis, self._site.destinations, self._site.results_dir / item.id)
        outgoing = Outgoing(objects=written, messages=messages, notes=notes)
        with self._recording(self._engine) as connection:
            queued = self._record_study(connection, item, analysis, outgoing, stopwatch)
        return Ending(outcome=analysis.report.outcome, timings=stopwatch.seconds, deliveries=queued)

    def _analyse(self, subject: Subject, stopwatch: Stopwatch) -> Analysis:
        """The analysis, or the one that says why there is none: pixels that cannot be read are an answer."""
        try:
            subject = replace(subject, guard=self._guard_of(subject.release))
            return analyse_study(subject, self._runtime_of(subject.release), stopwatch)
        except NotAnalysedError as error:
            return not_analysed(subject, error.code, str(error))
        except PixelError as error:
            return not_analysed(subject, "unreadable_pixels", str(error))
        except DicomIoError as error:
            return not_analysed(subject, "unusable_geometry", str(error))

    def _earlier(self, item: WorkItem) -> Earlier:
        """What this answer takes the place of."""
        if item.generation == 1:
            return Earlier(objects={})
        with reading(self._engine) as connection:
            return Earlier(objects=ledger.arrived_before(connection, item))

    def _told_before(self, item: WorkItem, destination: str) -> bool:
        with reading(self._engine) as connection:
            return ledger.was_told_before(connection, item, destination)

    def _guard_of(self, release: Release) -> Guard | None:
        found = find_guard(self._store, release.manifest)
        if found is None:
            return None
        guard, demand = found
        return Guard(release=guard, runtime=self._runtime_of(guard), demand=demand)

    def _record_study(
        self,
        connection: Connection,
        item: WorkItem,
        analysis: Analysis,
        outgoing: Outgoing,
        stopwatch: Stopwatch,
    ) -> int:
        now = datetime.now(UTC)
        results.keep_findings(connection, item.id, analysis.report.findings)
        results.keep_objects(connection, item.id, outgoing.all, now)
        results.keep_objects(connection, item.id, outgoing.distinct_notes, now, kind=ledger.NOTE)
        queued = results.queue_deliveries(connection, item, outgoing.dispatches(self._site.destinations), now)
        values = {
            "outcome": analysis.report.outcome.value,
            "reason_code": analysis.reason_code,
            "reason": analysis.reason,
            "timings": stopwatch.seconds,
            "scores": analysis.report.scores,
        } | ({} if queued else {"finished_at": now})
        _end_run(connection, item, State.DELIVERING if queued else State.DONE, now, values)
        _audit(connection, item, analysis.report.outcome, [one.sop_instance_uid for one in outgoing.all])
        return queued

    def _run_stay(self, item: WorkItem, release: Release) -> Ending:
        stopwatch = self._stopwatch_for(item)
        with reading(self._engine) as connection:
            # What was replaced since the generation was closed was still known at its moment.
            stay = stays.load_stay(connection, item.case_id, with_history=True)
        subject = StaySubject(stay=stay, moment=item.input_at, release=release)
        try:
            score = score_stay(subject, self._runtime_of(release), stopwatch)
        except NotAnalysedError as error:
            told = {"outcome": Outcome.NOT_ANALYSED.value, "reason_code": error.code, "reason": str(error)}
            return self._record_stay(item, release, told, stopwatch)
        label = release.manifest.labels[0]
        outcome = Outcome.FINDING if score.probability >= label.threshold else Outcome.NO_FINDING
        scores = {label.text.in_language(self._site.language): round(score.probability, 4)}
        risk = RiskRecord(stay=stay, score=score, threshold=label.threshold)
        return self._record_stay(item, release, {"outcome": outcome.value, "scores": scores}, stopwatch, risk)

    def _record_stay(
        self,
        item: WorkItem,
        release: Release,
        told: dict[str, Any],
        stopwatch: Stopwatch,
        risk: RiskRecord | None = None,
    ) -> Ending:
        now = datetime.now(UTC)
        outcome = Outcome(told["outcome"])
        with self._recording(self._engine) as connection:
            if risk is not None:
                stays.keep_risk(connection, item.id, risk)
                decide_risk(connection, item.id, item.model, risk, self._site.alert_policies)
            outgoing = Outgoing(objects=(), messages=self._notifier.compose(connection, item, release))
            results.keep_objects(connection, item.id, outgoing.all, now)
            queued = results.queue_deliveries(connection, item, outgoing.dispatches(self._site.destinations), now)
            values = told | {"timings": stopwatch.seconds} | ({} if queued else {"finished_at": now})
            _end_run(connection, item, State.DELIVERING if queued else State.DONE, now, values)
            _audit(connection, item, outcome, [one.sop_instance_uid for one in outgoing.all])
        return Ending(outcome=outcome, timings=stopwatch.seconds, deliveries=queued)


def _end_run(connection: Connection, item: WorkItem, to: State, now: datetime, values: Mapping[str, Any]) -> None:
    """Move *item* on; what was recorded with it is undone when its try was ended meanwhile for taking too long."""
    if not work.move_item(connection, item.id, to, now, **values):
        raise SettledError


def _audit(connection: Connection, item: WorkItem, outcome: Outcome, objects: list[str]) -> None:
    detail = {
        "case": item.case_id,
        "generation": item.generation,
        "model": item.model,
        "model_version": item.model_version,
        "release": item.release_digest,
        "outcome": outcome.value,
        "objects": objects,
    }
    audit.append(connection, "analysed", item.id, detail)
