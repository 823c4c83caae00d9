"""The questions of the ward list and the page of a stay to the database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, and_, func, select, true

from dicom_io.findings import Outcome
from serving.alerts.reviews import Review, Subject, reviews_of
from serving.errors import CaseNotFoundError
from serving.records.schema import RISK, STAY, WORK_ITEM
from serving.records.stays import StayStatus, load_stay
from serving.records.surveillance_schema import ALERT, REVIEW
from serving.web.rows import ReasonRow, RiskRow
from serving.web.stay_rows import AlertRow, NotScoredRow, ScoreRow, StayView, WardRow

#: Stays on the ward list.
LIST_SIZE = 100
#: Points of a trend.
_TREND_POINTS = 24
#: Scores on the page of a stay.
_SCORES = 500


def wards(connection: Connection) -> tuple[str, ...]:
    """Wards with a scored stay, in order."""
    named = select(STAY.c.ward).join(RISK, RISK.c.stay_id == STAY.c.stay_id).where(STAY.c.ward != "").distinct()
    return tuple(connection.scalars(named.order_by(STAY.c.ward)))


def ward_list(connection: Connection, ward: str = "") -> tuple[WardRow, ...]:
    """The newest risk of each stay and model on *ward* (empty = all), highest first."""
    risks = _newest_risks(connection, ward)
    alerts = _alerts(connection, [risk.work_item_id for risk in risks])
    stay_ids = [risk.stay_id for risk in risks]
    reviews = _stay_reviews(connection, stay_ids)
    open_ones = select(STAY.c.stay_id).where(STAY.c.stay_id.in_(stay_ids), STAY.c.status == StayStatus.OPEN.value)
    running = set(connection.scalars(open_ones))
    return tuple(
        WardRow(
            risk=risk,
            alert=alerts.get(risk.work_item_id),
            reviews=tuple(one for one in reviews[risk.stay_id] if one.model == risk.model),
            is_running=risk.stay_id in running,
        )
        for risk in risks
    )


def not_scored(connection: Connection, ward: str = "", stay_id: str = "") -> tuple[NotScoredRow, ...]:
    """Stays on *ward*, or the one *stay_id*, whose newest generation was not scored, newest first."""
    newest = (
        select(WORK_ITEM.c.case_id, WORK_ITEM.c.model, func.max(WORK_ITEM.c.generation).label("generation"))
        .where(WORK_ITEM.c.kind == "stay")
        .group_by(WORK_ITEM.c.case_id, WORK_ITEM.c.model)
        .subquery()
    )
    is_newest = and_(
        WORK_ITEM.c.case_id == newest.c.case_id,
        WORK_ITEM.c.model == newest.c.model,
        WORK_ITEM.c.generation == newest.c.generation,
    )
    wanted = (
        select(WORK_ITEM, STAY.c.patient_id, STAY.c.patient_name, STAY.c.ward)
        .join(newest, is_newest)
        .join(STAY, STAY.c.stay_id == WORK_ITEM.c.case_id)
        .where(WORK_ITEM.c.outcome.in_([Outcome.NOT_ANALYSED.value, Outcome.FAILED.value]))
        .where(WORK_ITEM.c.case_id == stay_id if stay_id else true())
        .order_by(WORK_ITEM.c.input_at.desc())
        .limit(LIST_SIZE)
    )
    rows = connection.execute(wanted.where(STAY.c.ward == ward) if ward else wanted)
    return tuple(_not_scored_row(row) for row in rows)


def stay_view(connection: Connection, stay_id: str) -> StayView:
    """The stay *stay_id* with its facts, scores and reviews.

    Raises:
        CaseNotFoundError: nothing of it was received.
    """
    row = connection.execute(select(STAY).where(STAY.c.stay_id == stay_id)).one_or_none()
    if row is None:
        raise CaseNotFoundError(f"nothing of stay '{stay_id}' was received; the ward list holds every scored one")
    return StayView(
        stay_id=stay_id,
        patient_id=row.patient_id,
        patient_name=row.patient_name,
        ward=row.ward,
        told=load_stay(connection, stay_id, with_history=True),
        events=load_stay(connection, stay_id).events,
        scores=_scores(connection, stay_id),
        reviews=tuple(_stay_reviews(connection, [stay_id])[stay_id]),
        not_scored=next(iter(not_scored(connection, stay_id=stay_id)), None),
    )


def risk_of(connection: Connection, work_item_id: str) -> tuple[ReasonRow, ...]:
    """The reasons of the risk that *work_item_id* computed, strongest first; empty when it computed none."""
    reasons = connection.execute(select(RISK.c.reasons).where(RISK.c.work_item_id == work_item_id)).scalar()
    return tuple(reason_row(item) for item in reasons or ())


def score_of(connection: Connection, stay_id: str, work_item_id: str) -> str | None:
    """The model of the risk *work_item_id* of the stay; None when the stay has no such risk."""
    found = select(WORK_ITEM.c.model).join(RISK, RISK.c.work_item_id == WORK_ITEM.c.id)
    model = connection.scalar(found.where(RISK.c.stay_id == stay_id, RISK.c.work_item_id == work_item_id))
    return None if model is None else str(model)


def newest_change(connection: Connection) -> str:
    """Another text whenever a risk, an alert or a review has come since."""
    told = (
        select(func.count(), func.max(RISK.c.as_of)).select_from(RISK),
        select(func.count(), func.max(REVIEW.c.id)).select_from(REVIEW),
        select(func.count(), func.max(WORK_ITEM.c.finished_at)).where(WORK_ITEM.c.kind == "stay"),
    )
    return "|".join(str(tuple(connection.execute(one).one())) for one in told)


def reason_row(item: Mapping[str, object]) -> ReasonRow:
    """One kept reason, `models.prediction.Reason` as JSON."""
    value, measured_at = item["value"], str(item.get("measured_at") or "")
    return ReasonRow(
        feature=str(item["feature"]),
        contribution=float(str(item["contribution"])),
        value=None if value is None else float(str(value)),
        measured_at=datetime.fromisoformat(measured_at) if measured_at else None,
    )


def _newest_risks(connection: Connection, ward: str) -> tuple[RiskRow, ...]:
    joined = RISK.join(WORK_ITEM, WORK_ITEM.c.id == RISK.c.work_item_id)
    newest_first = func.row_number().over(
        partition_by=(RISK.c.stay_id, WORK_ITEM.c.model), order_by=(RISK.c.as_of.desc(), WORK_ITEM.c.generation.desc())
    )
    ranked = select(RISK.c.work_item_id, newest_first.label("rank")).select_from(joined).subquery()
    newest = ranked.c.work_item_id == RISK.c.work_item_id
    found = (
        select(
            RISK,
            STAY.c.patient_name,
            STAY.c.ward,
            WORK_ITEM.c.model,
            WORK_ITEM.c.model_version,
            WORK_ITEM.c.release_digest,
        )
        .select_from(joined.join(STAY, STAY.c.stay_id == RISK.c.stay_id).join(ranked, and_(newest, ranked.c.rank == 1)))
        # Of an admission that was cancelled nothing is said any more.
        .where(STAY.c.status != StayStatus.CANCELLED.value)
        .order_by(RISK.c.probability.desc(), RISK.c.stay_id)
        .limit(LIST_SIZE)
    )
    rows = connection.execute(found.where(STAY.c.ward == ward) if ward else found).all()
    trends = _trends(connection, [row.stay_id for row in rows])
    return tuple(_risk_row(row, trends) for row in rows)


def _scores(connection: Connection, stay_id: str) -> tuple[ScoreRow, ...]:
    newest = (
        select(
            RISK,
            WORK_ITEM.c.model,
            WORK_ITEM.c.model_version,
            WORK_ITEM.c.release_digest,
            WORK_ITEM.c.finished_at,
            WORK_ITEM.c.created_at,
        )
        .join(WORK_ITEM, WORK_ITEM.c.id == RISK.c.work_item_id)
        .where(RISK.c.stay_id == stay_id)
        .order_by(RISK.c.as_of.desc(), WORK_ITEM.c.generation.desc())
        .limit(_SCORES)
    )
    rows = connection.execute(newest).all()
    alerts = _alerts(connection, [row.work_item_id for row in rows])
    return tuple(_score_row(row, alerts.get(row.work_item_id)) for row in reversed(rows))


def _alerts(connection: Connection, work_item_ids: Sequence[str]) -> dict[str, AlertRow]:
    rows = connection.execute(select(ALERT).where(ALERT.c.work_item_id.in_(work_item_ids)))
    return {
        row.work_item_id: AlertRow(
            verdict=row.verdict, reason=row.reason, policy=f"{row.policy} {row.policy_version}", at=row.at
        )
        for row in rows
    }


def _stay_reviews(connection: Connection, stay_ids: Sequence[str]) -> defaultdict[str, list[Review]]:
    """Stay id -> what people said of its risks, newest first."""
    about = select(REVIEW.c.subject_id).where(REVIEW.c.stay_id.in_(stay_ids), REVIEW.c.subject == Subject.RISK.value)
    by_risk = reviews_of(connection, Subject.RISK, list(connection.scalars(about)))
    found: defaultdict[str, list[Review]] = defaultdict(list)
    for review in sorted((one for rows in by_risk.values() for one in rows), key=lambda one: one.at, reverse=True):
        found[review.stay_id].append(review)
    return found


def _trends(connection: Connection, stay_ids: list[str]) -> Mapping[tuple[str, str], list[float]]:
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    oldest_first = (
        select(RISK.c.stay_id, WORK_ITEM.c.model, RISK.c.probability)
        .join(WORK_ITEM, WORK_ITEM.c.id == RISK.c.work_item_id)
        .where(RISK.c.stay_id.in_(stay_ids))
        .order_by(RISK.c.as_of, WORK_ITEM.c.generation)
    )
    for stay_id, model, probability in connection.execute(oldest_first):
        found[stay_id, model].append(probability)
    return found


def _risk_row(row: Row[tuple[object, ...]], trends: Mapping[tuple[str, str], list[float]]) -> RiskRow:
    return RiskRow(
        work_item_id=row.work_item_id,
        stay_id=row.stay_id,
        patient_id=row.patient_id,
        patient_name=row.patient_name,
        ward=row.ward,
        model=row.model,
        model_version=row.model_version,
        release_digest=row.release_digest,
        as_of=row.as_of,
        probability=row.probability,
        threshold=row.threshold,
        horizon_hours=row.horizon_hours,
        reasons=tuple(reason_row(item) for item in row.reasons),
        trend=tuple(trends[row.stay_id, row.model][-_TREND_POINTS:]),
    )


def _score_row(row: Row[tuple[object, ...]], alert: AlertRow | None) -> ScoreRow:
    return ScoreRow(
        work_item_id=row.work_item_id,
        as_of=row.as_of,
        computed_at=row.finished_at or row.created_at,
        model=row.model,
        model_version=row.model_version,
        release_digest=row.release_digest,
        probability=row.probability,
        threshold=row.threshold,
        horizon_hours=row.horizon_hours,
        reasons=tuple(reason_row(item) for item in row.reasons),
        alert=alert,
    )


def _not_scored_row(row: Row[tuple[object, ...]]) -> NotScoredRow:
    return NotScoredRow(
        work_item_id=row.id,
        stay_id=row.case_id,
        patient_id=row.patient_id,
        patient_name=row.patient_name,
        ward=row.ward,
        model=row.model,
        outcome=row.outcome,
        reason=row.reason,
        at=row.input_at,
    )
