"""The ward's policy on a risk that was just computed: the same function as on history, with the site's own facts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select

from ehr_io.events import Event, EventKind, Stay
from models.prediction import RiskScore
from serving.alerts.decide import Verdict
from serving.alerts.live import decide_risk
from serving.alerts.policy import AlertPolicy, Mode
from serving.alerts.reviews import Review, ReviewKind, Subject, keep_review
from serving.records import surveillance_schema  # noqa: F401  its tables belong to METADATA
from serving.records.database import open_database, writing
from serving.records.schema import METADATA, STAY, WORK_ITEM
from serving.records.stays import RiskRecord, keep_risk
from serving.records.surveillance_schema import ALERT

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
MODEL = "infection_urinary"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def policy(**other: object) -> AlertPolicy:
    values = {"name": "p", "model": MODEL, "threshold": 0.2, "mode": Mode.LIVE, "refractory_hours": 24.0}
    return AlertPolicy.model_validate(values | other)


def stay(stay_id: str = "s1", *more: Event) -> Stay:
    begins = NOW - timedelta(days=4)
    told = (event(stay_id, EventKind.ADMISSION, "IMP", begins), event(stay_id, EventKind.WARD, "M2", begins), *more)
    return Stay(stay_id=stay_id, patient_id="p1", events=told)


def event(stay_id: str, kind: EventKind, code: str, at: datetime, **other: object) -> Event:
    values = {"stay_id": stay_id, "source": f"{kind.value}/{at:%d%H}", "kind": kind, "code": code}
    return Event(**values | {"event_time": at, "known_time": at} | other)


def score(connection: Connection, subject: Stay, hours: float, risk: float, rules: AlertPolicy) -> Verdict | None:
    """The verdict on a *risk* that is computed *hours* after NOW."""
    as_of = NOW + timedelta(hours=hours)
    item = f"w-{subject.stay_id}-{hours}"
    known = select(STAY.c.stay_id).where(STAY.c.stay_id == subject.stay_id)
    if connection.execute(known).first() is None:
        connection.execute(insert(STAY).values(stay_id=subject.stay_id, patient_id="p1", known_until=as_of))
    values = {
        "id": item, "kind": "stay", "case_id": subject.stay_id, "generation": int(hours * 10) + 1, "rule": "r",
        "model": MODEL, "model_version": "1", "release_digest": "d", "priority": 2, "state": "done",
        "not_before": as_of, "created_at": as_of, "input_at": as_of,
    }  # fmt: skip
    connection.execute(insert(WORK_ITEM).values(**values))
    told = RiskScore(probability=risk, baseline=-3.0, reasons=(), as_of=as_of.isoformat(), horizon_hours=48.0)
    record = RiskRecord(stay=subject, score=told, threshold=0.3)
    keep_risk(connection, item, record)
    decision = decide_risk(connection, item, MODEL, record, [rules])
    return None if decision is None else decision.verdict


def test_every_decision_is_kept_with_its_policy(engine: Engine):
    with writing(engine) as connection:
        assert score(connection, stay(), 0, 0.3, policy()) is Verdict.ALERT
        row = connection.execute(select(ALERT)).one()
    assert (row.policy, row.policy_version, row.policy_digest) == ("p", "1", policy().digest)
    assert (row.ward, row.verdict, row.is_alert) == ("M2", "alert", True)


def test_a_ward_without_a_policy_is_not_decided_for(engine: Engine):
    with writing(engine) as connection:
        assert score(connection, stay(), 0, 0.3, policy(wards=("K1",))) is None
        assert connection.execute(select(ALERT)).all() == []


def test_a_stay_is_quiet_after_its_alert_and_another_is_not(engine: Engine):
    with writing(engine) as connection:
        assert score(connection, stay(), 0, 0.3, policy()) is Verdict.ALERT
        assert score(connection, stay(), 1, 0.4, policy()) is Verdict.REFRACTORY
        assert score(connection, stay("s2"), 1, 0.4, policy()) is Verdict.ALERT
        assert score(connection, stay(), 24, 0.4, policy()) is Verdict.ALERT


def test_a_risk_must_hold_over_the_scores_before(engine: Engine):
    held = policy(hold=2, hold_of=2)
    with writing(engine) as connection:
        assert score(connection, stay(), 0, 0.3, held) is Verdict.NOT_HELD
        assert score(connection, stay(), 1, 0.3, held) is Verdict.ALERT


def test_an_antibiotic_holds_back_only_once_it_is_known(engine: Engine):
    given = NOW - timedelta(hours=3)
    late = event("s1", EventKind.MEDICATION, "antibiotic", given, known_time=NOW + timedelta(hours=1))
    rules = policy(treated_hours=12, refractory_hours=0)
    with writing(engine) as connection:
        assert score(connection, stay("s1", late), 0, 0.3, rules) is Verdict.ALERT
        assert score(connection, stay("s1", late), 2, 0.3, rules) is Verdict.TREATED


def test_a_case_that_is_found_holds_back(engine: Engine):
    taken, answered = NOW - timedelta(hours=30), NOW - timedelta(hours=1)
    grown = event("s1", EventKind.REPORT, "urine_culture", taken, known_time=answered, value=1e6, text="ECOLI")
    with writing(engine) as connection:
        assert score(connection, stay("s1", grown), 0, 0.3, policy(known_hours=72)) is Verdict.KNOWN


def test_a_snooze_of_this_model_holds_back(engine: Engine):
    with writing(engine) as connection:
        review = Review(
            at=NOW, subject=Subject.RISK, subject_id="w", stay_id="s1", model=MODEL, kind=ReviewKind.SNOOZED,
            reviewer="KM", until=NOW + timedelta(hours=8),
        )  # fmt: skip
        keep_review(connection, review)
        assert score(connection, stay(), 1, 0.3, policy()) is Verdict.SNOOZED
        assert score(connection, stay(), 9, 0.3, policy()) is Verdict.ALERT


def test_a_ward_hears_its_cap_and_the_next_shift_hears_anew(engine: Engine):
    capped = policy(cap_per_shift=1)
    with writing(engine) as connection:
        assert score(connection, stay("s1"), 0, 0.3, capped) is Verdict.ALERT
        assert score(connection, stay("s2"), 1, 0.3, capped) is Verdict.CAPPED
        assert score(connection, stay("s2"), 4, 0.3, capped) is Verdict.ALERT
