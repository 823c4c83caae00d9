"""A hospital for the pages: stays with facts, scores, alerts and reviews, and a year of surveillance."""

import math
import random
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from ehr_io.definitions.catalogue import ALL, IN_FORCE, Definition
from ehr_io.events import Event, EventKind
from evaluation.surveillance.clusters import find_clusters
from evaluation.surveillance.counts import Case, Exposure
from models.release import Release
from serving.alerts.decide import WORDS, Verdict
from serving.alerts.reviews import Review, ReviewKind, Subject, keep_review
from serving.records.schema import EVENT, RISK, STAY, WORK_ITEM
from serving.records.surveillance_schema import (
    ALERT,
    SURVEILLANCE_CASE,
    SURVEILLANCE_CLUSTER,
    SURVEILLANCE_EXPOSURE,
    SURVEILLANCE_RUN,
)

#: The hour of the newest fact.
NOW = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)
#: The log-odds of a stay of which nothing is known.
BASELINE = -3.0
UNITS = ("K1", "K2", "M1", "M2", "M3", "O1", "O2", "ICU")
_POLICY = {"hold": 2, "hold_of": 3, "refractory_hours": 24.0}
_RISKS = (0.04, 0.05, 0.05, 0.07, 0.06, 0.09, 0.12, 0.11, 0.16, 0.24, 0.29, 0.34)


def fill_stay(connection: Connection, release: Release, stay_id: str = "stay-9") -> None:
    """A stay of five days with a catheter, cultures, antibiotics, twelve scores, an alert and an answer to it."""
    values = {"stay_id": stay_id, "patient_id": "2512489996", "patient_name": "Berggren^Nancy", "ward": "M2"}
    connection.execute(insert(STAY).values(**values, generation=len(_RISKS), known_until=NOW))
    for event in _events(stay_id):
        kept = {name: getattr(event, name) for name in Event.__dataclass_fields__} | {"kind": event.kind.value}
        connection.execute(insert(EVENT).values(**kept))
    for number, risk in enumerate(_RISKS):
        as_of = NOW - timedelta(hours=8 * (len(_RISKS) - 1 - number))
        _score(connection, release, stay_id, f"w-{stay_id}-{number}", as_of, risk)
    review = Review(
        at=NOW - timedelta(hours=7),
        subject=Subject.RISK,
        subject_id=f"w-{stay_id}-10",
        stay_id=stay_id,
        model=release.manifest.name,
        kind=ReviewKind.ACKNOWLEDGED,
        comment="Dyrkning taget",
        reviewer="KM",
    )
    keep_review(connection, review)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a score saw of a patient: a value with its time each; a time of None = not measured."""

    age: float
    at: datetime
    catheter_hours: float = 0.0
    temperature: float = 36.8
    temperature_at: datetime | None = None
    protein: float | None = None
    protein_at: datetime | None = None


def reasons(risk: float, seen: Measured) -> list[dict[str, str | float | None]]:
    """Reasons of what was *seen* that add up, from `BASELINE`, to *risk* in log-odds."""
    rest = math.log(risk / (1 - risk)) - BASELINE + 0.3 - 0.12
    share = 0.63 if seen.catheter_hours else 0.4
    told = [
        ("urinary_catheter_hours", rest * share, seen.catheter_hours, seen.at),
        ("temperature_max_24h", rest * (1 - share), seen.temperature, seen.temperature_at or seen.at),
        ("age_years", -0.3, seen.age, seen.at),
        ("c_reactive_protein_last_48h", 0.12, seen.protein, seen.protein_at),
    ]
    return [
        {"feature": name, "contribution": part, "value": value, "measured_at": at.isoformat() if at else ""}
        for name, part, value, at in sorted(told, key=lambda one: -abs(one[1]))
    ]


def _seen(stay_id: str, as_of: datetime) -> Measured:
    """What the facts of the stay say at *as_of*: the pages show both beside each other."""
    known = [event for event in _events(stay_id) if event.known_time <= as_of]
    warm = [e for e in known if e.code == "temperature" and as_of - e.event_time <= timedelta(hours=24)]
    hottest = max(warm, key=lambda event: event.value or 0.0)
    proteins = [e for e in known if e.code == "c_reactive_protein" and as_of - e.event_time <= timedelta(hours=48)]
    newest = proteins[-1] if proteins else None
    inserted = next(event.event_time for event in known if event.code == "urinary_catheter")
    return Measured(
        age=77.0,
        at=as_of,
        catheter_hours=(as_of - inserted) / timedelta(hours=1),
        temperature=hottest.value or 0.0,
        temperature_at=hottest.event_time,
        protein=None if newest is None else newest.value,
        protein_at=None if newest is None else newest.event_time,
    )


def fill_surveillance(connection: Connection, *, months: int = 14, seed: int = 5) -> None:
    """Cases, contacts and time at risk of *months* by every definition, drawn from one rate for all units.

    In M2 more than chance explains, lately; its newest urinary tract infection is that of the stay of `fill_stay`.
    """
    start = date(2025, 1, 1)
    days = [start + timedelta(days=n) for n in range(months * 30 + 9)]
    for number, definition in enumerate(ALL):
        # Editions of one definition look at the same samples; the older one counts some that the newer does not.
        rng = random.Random(f"{seed} {definition.id}")
        moved = random.Random(seed)
        is_older = definition.edition.name == "2015"
        is_joint = number in {3, 4}
        cases: list[Case] = []
        exposures: list[Exposure] = []
        for unit_number, unit in enumerate(UNITS[5:7] if is_joint else UNITS):
            beds = 1.0 if is_joint else _BEDS[unit]
            rate = _RATES.get(definition.id, 0.012)
            for day in days:
                exposures.append(Exposure(unit=unit, day=day, amount=beds))
                is_outbreak = unit == _OUTBREAK[1] and definition.id == _OUTBREAK[0] and day in _OUTBREAK_DAYS
                is_of_stay = unit == "M2" and definition.id == _OUTBREAK[0] and day == _SAMPLED.date()
                drawn = 0.0 if is_of_stay else rng.random()
                if drawn < beds * rate * (8 if is_outbreak else 1) * (1.2 if is_older else 1):
                    is_moved = is_older and not is_of_stay and moved.random() < 0.2
                    counted_to = UNITS[unit_number - 1] if is_moved else unit
                    cases.append(Case(id=f"{unit}-{day}", unit=counted_to, day=day))
        _keep(connection, definition, cases, exposures)
    _keep_contacts(connection, days)
    counted = connection.execute(select(func.count()).select_from(SURVEILLANCE_CASE)).scalar_one()
    patients = round(sum(_BEDS.values()) * len(days) / _CONTACT_DAYS)
    run = {"at": NOW, "seconds": 1.2, "patients": patients, "cases": counted}
    connection.execute(insert(SURVEILLANCE_RUN).values(**run))


#: Beds in use, of each unit.
_BEDS = dict(zip(UNITS, (6.0, 10.0, 14.0, 18.0, 6.0, 10.0, 14.0, 18.0), strict=True))
#: A contact lasts so long.
_CONTACT_DAYS = 4
#: Of which definition, in which unit, and when.
_OUTBREAK = ("haiba-urinary-tract-infection", "M2")
_OUTBREAK_DAYS = {date(2026, 2, 8) + timedelta(days=n) for n in range(18)}
#: When the newest urine culture of the stay of `fill_stay` was taken, and when that stay began.
_SAMPLED, _ADMITTED = NOW - timedelta(hours=26), NOW - timedelta(hours=110)
_RATES = {
    "haiba-bacteraemia": 0.0008,
    "haiba-urinary-tract-infection": 0.0030,
    "haiba-clostridioides-difficile": 0.0004,
}


def _keep_contacts(connection: Connection, days: list[date]) -> None:
    rows = [
        {"definition": "contacts", "edition": "", "unit": unit, "day": day.isoformat(), "amount": _BEDS[unit]}
        for unit in UNITS
        for day in days[::_CONTACT_DAYS]
    ]
    connection.execute(insert(SURVEILLANCE_EXPOSURE), rows)


def _keep(connection: Connection, definition: Definition, cases: list[Case], exposures: list[Exposure]) -> None:
    of, edition = definition.id, definition.edition.name
    rows = [
        {"definition": of, "edition": edition, "unit": e.unit, "day": e.day.isoformat(), "amount": e.amount}
        for e in exposures
    ]
    connection.execute(insert(SURVEILLANCE_EXPOSURE), rows)
    for case in cases:
        connection.execute(insert(SURVEILLANCE_CASE).values(**_case_row(of, edition, case)))
    if definition not in IN_FORCE:
        return
    recent = exposures[-1].day - timedelta(days=91)
    clusters = find_clusters(
        [case for case in cases if case.day >= recent], [one for one in exposures if one.day >= recent], draws=99
    )
    for cluster in clusters:
        values = {
            "definition": of,
            "edition": edition,
            "unit": cluster.unit,
            "first_day": cluster.first.isoformat(),
            "last_day": cluster.last.isoformat(),
            "case_ids": [case_key(of, edition, one) for one in cluster.case_ids],
            "expected": cluster.expected,
            "p": cluster.p,
        }
        connection.execute(insert(SURVEILLANCE_CLUSTER).values(**values))


def case_key(definition: str, edition: str, case: str) -> str:
    """The id of a case of the factory: at most 32 letters."""
    return f"{definition[6:9]}{edition}-{case}"[:32]


def _case_row(definition: str, edition: str, case: Case) -> dict[str, object]:
    is_of_stay = case.id == f"M2-{_SAMPLED.date()}"
    taken = datetime.combine(case.day, _SAMPLED.time(), tzinfo=UTC)
    since = _ADMITTED if is_of_stay else taken - timedelta(hours=71.5)
    hours = (taken - since).total_seconds() / 3600
    after = f"{hours:.1f}".replace(".", ",")
    words = {
        "en": f"Hospital-acquired because the sample was taken {hours:.1f} h after the contact began. "
        f"It counts to {case.unit}, where the patient was 48 h before the sample.",
        "da": f"Sygehuserhvervet, fordi prøven er taget {after} timer efter kontaktens start. "
        f"Det tæller for {case.unit}, hvor patienten var 48 timer før prøven.",
    }
    return {
        "id": case_key(definition, edition, case.id),
        "definition": definition,
        "edition": edition,
        "outcome": "hospital-acquired",
        "patient_id": "2512489996" if is_of_stay else f"patient-{case.id}",
        "stay_id": "stay-9" if is_of_stay else f"stay-{case.id}",
        "source": f"DiagnosticReport/{case.id}",
        "sampled_at": taken,
        "known_at": NOW - timedelta(hours=1) if is_of_stay else taken + timedelta(days=2),
        "unit": case.unit,
        "since": since,
        "explanation": words,
        "first_found_at": NOW,
    }


def _events(stay_id: str) -> list[Event]:
    told: list[Event] = []

    def add(kind: EventKind, code: str, hours: float, **other: object) -> None:
        at = NOW - timedelta(hours=hours)
        values = {"stay_id": stay_id, "source": f"{kind.value}/{len(told)}", "kind": kind, "code": code}
        told.append(Event(**values | {"event_time": at, "known_time": at} | other))

    add(EventKind.PATIENT, "birth_date", 24 * 365 * 77.0)
    add(EventKind.ADMISSION, "IMP", 110.0)
    add(EventKind.WARD, "AKM", 110.0)
    add(EventKind.WARD, "M2", 101.0)
    add(EventKind.PROCEDURE, "urinary_catheter", 96.0)
    add(EventKind.REPORT, "urine_culture", 98.0, known_time=NOW - timedelta(hours=54), value=0.0, unit="[CFU]/mL")
    add(EventKind.REPORT, "urine_culture", 26.0, known_time=NOW - timedelta(hours=1), text="ECOLI", value=1e5)
    add(EventKind.MEDICATION, "antibiotic", 6.0)
    add(EventKind.MEDICATION, "antibiotic", 0.5)
    for number in range(26):
        warmth = 36.8 + 0.05 * number + (0.4 if number % 5 == 4 else 0.0)
        add(EventKind.OBSERVATION, "temperature", 104.0 - 4 * number, value=round(warmth, 1), unit="Cel")
    for number, value in enumerate((12.0, 18.0, 44.0, 96.0)):
        at = 100.0 - 30 * number
        add(
            EventKind.OBSERVATION,
            "c_reactive_protein",
            at,
            value=value,
            unit="mg/L",
            known_time=NOW - timedelta(hours=at - 1),
        )
    return told


def _score(connection: Connection, release: Release, stay_id: str, item_id: str, as_of: datetime, risk: float) -> None:
    item = {
        "id": item_id,
        "kind": "stay",
        "case_id": stay_id,
        "generation": int(item_id.rsplit("-", 1)[-1]) + 1,
        "rule": "rule",
        "model": release.manifest.name,
        "model_version": release.manifest.version,
        "release_digest": release.digest,
        "priority": 2,
        "state": "done",
        "outcome": "finding" if risk >= 0.2 else "no_finding",
        "attempts": 1,
        "not_before": as_of,
        "created_at": as_of,
        "input_at": as_of,
        "finished_at": as_of,
        "timings": {},
        "scores": {},
    }
    connection.execute(insert(WORK_ITEM).values(**item))
    told = {
        "work_item_id": item_id,
        "stay_id": stay_id,
        "patient_id": "2512489996",
        "as_of": as_of,
        "probability": risk,
        "threshold": 0.2,
        "baseline": BASELINE,
        "horizon_hours": 48.0,
        "reasons": reasons(risk, _seen(stay_id, as_of)),
    }
    connection.execute(insert(RISK).values(**told))
    verdict = "below" if risk < 0.2 else ("not_held" if risk < 0.28 else ("alert" if risk < 0.3 else "refractory"))
    alert = {
        "work_item_id": item_id,
        "stay_id": stay_id,
        "model": release.manifest.name,
        "ward": "M2",
        "at": as_of,
        "probability": risk,
        "policy": "medical-wards",
        "policy_version": "3",
        "policy_digest": "0" * 12,
        "verdict": verdict,
        "reason": {language: words.format(**_POLICY) for language, words in asdict(WORDS[Verdict(verdict)]).items()},
        "is_alert": verdict == "alert",
    }
    connection.execute(insert(ALERT).values(**alert))
