"""The timeline of a stay, as coordinates for SVG: the risk over time and a lane for each sort of fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from ehr_io.events import Event, EventKind
from serving.alerts.reviews import Review
from serving.web.stay_rows import ScoreRow, StayView

WIDTH, CHART_HEIGHT, LANE_HEIGHT, LEFT = 1000, 170, 30, 130
_TOP = 12
#: A fact without length is drawn so wide.
_MARK = 7
_DAY = timedelta(days=1)


class Lane(Enum):
    """What a lane shows, from top to bottom."""

    WARD = "ward"
    DEVICE = "device"
    CULTURE = "culture"
    ANTIBIOTIC = "antibiotic"
    ALERT = "alert"
    REVIEW = "review"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One fact in its lane."""

    #: Which.
    lane: Lane
    #: Left edge and width.
    x: float
    width: float
    #: Concept, ward, verdict or kind of review.
    code: str
    #: When it was true, and until when; None while it goes on or for a moment.
    start: datetime
    end: datetime | None
    #: When it could be known.
    known_at: datetime
    #: Whether that was at the moment looked at.
    is_known: bool
    #: What the source told: organisms, for a culture.
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One score."""

    #: Its place.
    x: float
    y: float
    #: The score.
    score: ScoreRow
    #: Whether it was there at the moment looked at.
    is_known: bool


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """All that is drawn."""

    #: Scores in order.
    dots: tuple[Dot, ...]
    #: ``x,y`` pairs through them.
    line: str
    #: Height of the alert level; None without a score.
    threshold_y: float | None
    #: Highest probability of the scale.
    top: float
    #: Facts.
    marks: tuple[Mark, ...]
    #: (x, midnight) of each day.
    days: tuple[tuple[float, datetime], ...]
    #: The moment looked at.
    now_x: float

    @property
    def height(self) -> int:
        """Height of the whole drawing."""
        return CHART_HEIGHT + LANE_HEIGHT * len(Lane) + 24

    def lane_y(self, lane: Lane) -> int:
        """Upper edge of *lane*."""
        return CHART_HEIGHT + LANE_HEIGHT * list(Lane).index(lane)


def timeline(view: StayView, moment: datetime, model: str, zone: ZoneInfo) -> Timeline:
    """The timeline of *view* with what was known at *moment*; the line is *model*'s, the days are *zone*'s."""
    scores = [score for score in view.scores if score.model == model]
    span = _span(view, moment)
    highest = max([score.probability for score in scores] + [score.threshold for score in scores] + [0.05]) * 1.15
    dots = tuple(
        Dot(
            x=_x(score.as_of, span),
            y=_y(score.probability, highest),
            score=score,
            is_known=score.as_of <= moment,
        )
        for score in scores
    )
    return Timeline(
        dots=dots,
        line=" ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots if dot.is_known),
        threshold_y=_y(scores[-1].threshold, highest) if scores else None,
        top=highest,
        marks=_marks(view, moment, span),
        days=_days(span, zone),
        now_x=_x(moment, span),
    )


def _span(view: StayView, moment: datetime) -> tuple[datetime, datetime]:
    told = [e.event_time for e in view.events if e.kind is not EventKind.PATIENT]
    moments = [*told, *(score.as_of for score in view.scores), moment]
    start, end = min(moments), max(moments)
    return start, max(end, start + timedelta(hours=12))


def _x(moment: datetime, span: tuple[datetime, datetime]) -> float:
    share = (moment - span[0]) / (span[1] - span[0])
    return round(LEFT + (WIDTH - LEFT - 14) * min(1.0, max(0.0, share)), 1)


def _y(probability: float, highest: float) -> float:
    return round(CHART_HEIGHT - 14 - (CHART_HEIGHT - 14 - _TOP) * probability / highest, 1)


def _marks(view: StayView, moment: datetime, span: tuple[datetime, datetime]) -> tuple[Mark, ...]:
    events = [*view.known_at(moment), *view.known_later(moment)]
    wards = sorted((one for one in events if one.kind is EventKind.WARD), key=lambda one: one.event_time)
    left_at = next((one.event_time for one in events if one.kind is EventKind.DISCHARGE), None)
    ends = [*(one.event_time for one in wards[1:]), left_at]
    marks = [_mark(Lane.WARD, one, end, moment, span) for one, end in zip(wards, ends, strict=False)]
    for event in events:
        lane = _LANES.get(event.kind)
        if lane is not None:
            marks.append(_mark(lane, event, event.end_time, moment, span))
    marks += [_alert_mark(score, moment, span) for score in view.scores if score.is_alert]
    return (*marks, *(_review_mark(review, moment, span) for review in view.reviews))


def _review_mark(review: Review, moment: datetime, span: tuple[datetime, datetime]) -> Mark:
    return Mark(
        lane=Lane.REVIEW,
        x=_x(review.at, span) - _MARK / 2,
        width=_MARK,
        code=review.kind.value,
        start=review.at,
        end=review.until,
        known_at=review.at,
        is_known=review.at <= moment,
    )


def _mark(lane: Lane, event: Event, end: datetime | None, moment: datetime, span: tuple[datetime, datetime]) -> Mark:
    x = _x(event.event_time, span)
    lasts = lane in {Lane.WARD, Lane.DEVICE}
    until = min(end or moment, max(moment, event.event_time))
    return Mark(
        lane=lane,
        x=x if lasts else x - _MARK / 2,
        width=max(_MARK, _x(until, span) - x) if lasts else _MARK,
        code=event.code,
        start=event.event_time,
        end=end if end is not None and end <= moment else None,
        known_at=event.known_time,
        is_known=event.known_time <= moment,
        text=event.text,
    )


def _alert_mark(score: ScoreRow, moment: datetime, span: tuple[datetime, datetime]) -> Mark:
    return Mark(
        lane=Lane.ALERT,
        x=_x(score.as_of, span) - _MARK / 2,
        width=_MARK,
        code=score.alert.verdict if score.alert else "",
        start=score.as_of,
        end=None,
        known_at=score.as_of,
        is_known=score.as_of <= moment,
    )


def _days(span: tuple[datetime, datetime], zone: ZoneInfo) -> tuple[tuple[float, datetime], ...]:
    first = span[0].astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    count = max(0, (span[1] - first).days + 1)
    step = 1 + count // 12
    shown: Sequence[datetime] = [first + _DAY * number for number in range(0, count, step)]
    return tuple((_x(day, span), day) for day in shown if day < span[1])


_LANES = {
    EventKind.PROCEDURE: Lane.DEVICE,
    EventKind.REPORT: Lane.CULTURE,
    EventKind.MEDICATION: Lane.ANTIBIOTIC,
}
