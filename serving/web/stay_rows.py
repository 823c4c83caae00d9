"""What the ward list and the page of a stay show, one frozen value a row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ehr_io.events import Event, Stay
from serving.alerts.decide import Verdict
from serving.alerts.reviews import Review
from serving.web.rows import ReasonRow, RiskRow

#: A value older than this at the time of the score is told as old.
STALE = timedelta(hours=24)
#: Features that are told once and do not grow old with the hours.
_TIMELESS = frozenset({"age_years"})


@dataclass(frozen=True, kw_only=True)
class AlertRow:
    """What the ward's policy said of one risk."""

    #: serving.alerts.decide.Verdict value.
    verdict: str
    #: Why, by language.
    reason: dict[str, str]
    #: Policy with its version.
    policy: str
    #: T of the risk.
    at: datetime


@dataclass(frozen=True, kw_only=True)
class NotScoredRow:
    """A stay whose newest score could not be made, and why."""

    #: Work item that tells it.
    work_item_id: str
    #: Stay and patient.
    stay_id: str
    patient_id: str
    patient_name: str
    ward: str
    #: Model that was asked.
    model: str
    #: ``not_analysed`` or ``failed``.
    outcome: str
    #: Why, in a sentence.
    reason: str
    #: As of when.
    at: datetime


@dataclass(frozen=True, kw_only=True)
class WardRow:
    """One stay on the ward list."""

    #: The newest risk with the ones before it.
    risk: RiskRow
    #: What the policy said of it; None without a policy.
    alert: AlertRow | None
    #: What people said of this stay, newest first.
    reviews: tuple[Review, ...]
    #: Whether the patient is still there: the score of one who left is not made anew.
    is_running: bool = True

    @property
    def missing(self) -> tuple[ReasonRow, ...]:
        """Features that were not measured, the weightiest first."""
        return tuple(reason for reason in self.risk.reasons if reason.value is None)

    @property
    def stale(self) -> tuple[ReasonRow, ...]:
        """Features whose newest value was old at the time of the score."""
        measured = (one for one in self.risk.reasons if one.measured_at and one.feature not in _TIMELESS)
        return tuple(one for one in measured if one.measured_at and self.risk.as_of - one.measured_at > STALE)

    def is_old(self, now: datetime, stale_hours: float) -> bool:
        """Whether the score itself is older than it may be, of a stay that still runs."""
        return self.is_running and now - self.risk.as_of > timedelta(hours=stale_hours)

    def snoozed_until(self, now: datetime) -> datetime | None:
        """Until when somebody snoozed it; None when nobody did, or it is over."""
        until = max((review.until for review in self.reviews if review.until is not None), default=None)
        return until if until is not None and until > now else None


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score of a stay."""

    #: Work item that computed it.
    work_item_id: str
    #: T, and when it was computed.
    as_of: datetime
    computed_at: datetime
    #: Model and version.
    model: str
    model_version: str
    release_digest: str
    #: Calibrated probability and operating point.
    probability: float
    threshold: float
    #: Hours after T that it speaks of.
    horizon_hours: float
    #: Strongest first.
    reasons: tuple[ReasonRow, ...]
    #: What the policy said; None without one.
    alert: AlertRow | None

    @property
    def is_alert(self) -> bool:
        """Whether it was an alert, told or silent."""
        return self.alert is not None and self.alert.verdict in {Verdict.ALERT.value, Verdict.SILENT_ALERT.value}


@dataclass(frozen=True, kw_only=True)
class StayView:
    """One stay with all that is known of it."""

    #: Stay and patient.
    stay_id: str
    patient_id: str
    patient_name: str
    ward: str
    #: Every fact that was ever told, also those that were replaced since.
    told: Stay
    #: The facts that hold now, in the order of event time.
    events: tuple[Event, ...]
    #: Scores, oldest first.
    scores: tuple[ScoreRow, ...]
    #: Reviews, newest first.
    reviews: tuple[Review, ...]
    #: Why the newest score could not be made; None when it could.
    not_scored: NotScoredRow | None

    @property
    def newest(self) -> datetime:
        """When the newest of all this was known."""
        known = [event.known_time for event in self.events] + [score.as_of for score in self.scores]
        return max(known, default=datetime.now(UTC))

    def known_at(self, moment: datetime) -> tuple[Event, ...]:
        """The facts as they were known at *moment*."""
        return self.told.as_of(moment).events

    def known_later(self, moment: datetime) -> tuple[Event, ...]:
        """The facts that hold now and were not known at *moment*."""
        return tuple(event for event in self.events if event.known_time > moment)
