"""The ward list's questions to the database."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Row, and_, func, select

from serving.records.schema import RISK, STAY, WORK_ITEM
from serving.web.rows import ReasonRow, RiskRow

#: Stays on the ward list.
LIST_SIZE = 100
#: Points of a trend.
_TREND_POINTS = 24


def ward_list(connection: Connection) -> tuple[RiskRow, ...]:
    """The newest risk of each stay and model, highest first."""
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
        .order_by(RISK.c.probability.desc(), RISK.c.stay_id)
        .limit(LIST_SIZE)
    )
    rows = connection.execute(found).all()
    trends = _trends(connection, [row.stay_id for row in rows])
    return tuple(_risk_row(row, trends) for row in rows)


def risk_of(connection: Connection, work_item_id: str) -> tuple[ReasonRow, ...]:
    """The reasons of the risk that *work_item_id* computed, strongest first; empty when it computed none."""
    reasons = connection.execute(select(RISK.c.reasons).where(RISK.c.work_item_id == work_item_id)).scalar()
    return tuple(_reason_row(item) for item in reasons or ())


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
        reasons=tuple(_reason_row(item) for item in row.reasons),
        trend=tuple(trends[row.stay_id, row.model][-_TREND_POINTS:]),
    )


def _reason_row(item: Mapping[str, object]) -> ReasonRow:
    value, measured_at = item["value"], str(item.get("measured_at") or "")
    return ReasonRow(
        feature=str(item["feature"]),
        contribution=float(str(item["contribution"])),
        value=None if value is None else float(str(value)),
        measured_at=datetime.fromisoformat(measured_at) if measured_at else None,
    )
