"""The policy of a ward on a risk that was just computed, in the transaction that keeps the risk."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from ehr_io.definitions.catalogue import cases
from ehr_io.definitions.history import history_of
from ehr_io.events import EventKind, Stay
from serving.alerts.decide import Decision, PastAlert, Scene, decide, shift_of
from serving.alerts.policy import AlertPolicy, policy_for
from serving.alerts.reviews import ReviewKind
from serving.records.schema import RISK, WORK_ITEM
from serving.records.stays import RiskRecord
from serving.records.surveillance_schema import ALERT, REVIEW

_ANTIBIOTIC = "antibiotic"


def decide_risk(
    connection: Connection, work_item_id: str, model: str, risk: RiskRecord, policies: Sequence[AlertPolicy]
) -> Decision | None:
    """What the ward's policy says of *risk*, kept with it; None where no policy is for it. Call after keeping it."""
    moment = datetime.fromisoformat(risk.score.as_of)
    known = risk.stay.as_of(moment)
    ward = _ward(known, moment)
    policy = policy_for(policies, model, ward)
    if policy is None:
        return None
    decision = decide(policy, _scene(connection, policy, known, moment, risk))
    connection.execute(
        insert(ALERT).values(
            work_item_id=work_item_id,
            stay_id=risk.stay.stay_id,
            model=model,
            ward=ward,
            at=moment,
            probability=risk.score.probability,
            policy=policy.name,
            policy_version=policy.version,
            policy_digest=policy.digest,
            verdict=decision.verdict.value,
            reason={"en": decision.reason.en, "da": decision.reason.da},
            is_alert=decision.is_alert,
        )
    )
    return decision


def _scene(connection: Connection, policy: AlertPolicy, stay: Stay, moment: datetime, risk: RiskRecord) -> Scene:
    alert = _last_alert(connection, policy, stay.stay_id, moment)
    return Scene(
        at=_hours(moment),
        scores=[*_earlier_scores(connection, policy, stay.stay_id, moment), risk.score.probability],
        last_alert=alert,
        snoozed_until=_snoozed_until(connection, stay.stay_id, policy.model),
        treated_at=_newest([e.event_time for e in stay.events if _is_treatment(e.kind, e.code)]),
        known_at=_newest([case.known_at for case in cases([history_of(stay.patient_id, (stay,))])]),
        ward_alerts=_ward_alerts(connection, policy, _ward(stay, moment), moment),
    )


def _ward(stay: Stay, moment: datetime) -> str:
    wards = [event for event in stay.events if event.kind is EventKind.WARD and event.event_time <= moment]
    return max(wards, key=lambda event: event.event_time).code if wards else ""


def _is_treatment(kind: EventKind, code: str) -> bool:
    return kind is EventKind.MEDICATION and code == _ANTIBIOTIC


def _earlier_scores(connection: Connection, policy: AlertPolicy, stay_id: str, moment: datetime) -> list[float]:
    newest = (
        select(RISK.c.probability)
        .join(WORK_ITEM, WORK_ITEM.c.id == RISK.c.work_item_id)
        .where(RISK.c.stay_id == stay_id, WORK_ITEM.c.model == policy.model, RISK.c.as_of < moment)
        .order_by(RISK.c.as_of.desc(), WORK_ITEM.c.generation.desc())
        .limit(policy.hold_of - 1)
    )
    return list(reversed(connection.scalars(newest).all()))


def _last_alert(connection: Connection, policy: AlertPolicy, stay_id: str, moment: datetime) -> PastAlert | None:
    newest = (
        select(ALERT.c.at, ALERT.c.probability)
        .where(ALERT.c.stay_id == stay_id, ALERT.c.model == policy.model, ALERT.c.is_alert, ALERT.c.at <= moment)
        .order_by(ALERT.c.at.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return None if row is None else PastAlert(at=_hours(row.at), probability=row.probability)


def _snoozed_until(connection: Connection, stay_id: str, model: str) -> float | None:
    until = connection.scalar(
        select(func.max(REVIEW.c.until)).where(
            REVIEW.c.stay_id == stay_id, REVIEW.c.model == model, REVIEW.c.kind == ReviewKind.SNOOZED.value
        )
    )
    return None if until is None else _hours(until)


def _ward_alerts(connection: Connection, policy: AlertPolicy, ward: str, moment: datetime) -> int:
    began = datetime.fromtimestamp(shift_of(policy, _hours(moment)) * policy.shift_hours * 3600, tz=UTC)
    ends = began + timedelta(hours=policy.shift_hours)
    told = select(func.count()).where(
        ALERT.c.ward == ward, ALERT.c.policy == policy.name, ALERT.c.is_alert, ALERT.c.at >= began, ALERT.c.at < ends
    )
    return connection.execute(told).scalar_one()


def _newest(moments: Sequence[datetime]) -> float | None:
    return _hours(max(moments)) if moments else None


def _hours(moment: datetime) -> float:
    return moment.timestamp() / 3600
