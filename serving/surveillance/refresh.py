"""Read the record by all definitions: new cases are kept, those that no longer hold are withdrawn."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from ehr_io.definitions.catalogue import IN_FORCE, Definition
from ehr_io.definitions.verdict import Verdict
from evaluation.surveillance.clusters import DRAWS, Cluster, find_clusters
from evaluation.surveillance.counts import Case, Exposure
from serving.records import audit
from serving.records.database import reading_in_parts, writing
from serving.records.surveillance_schema import (
    SURVEILLANCE_CASE,
    SURVEILLANCE_CLUSTER,
    SURVEILLANCE_EXPOSURE,
    SURVEILLANCE_RUN,
)
from serving.surveillance.patients import histories
from serving.surveillance.reading import Reading, case_id, read_all

#: Clusters are looked for in so much of the past: what is older is history, and each day costs time.
CLUSTER_DAYS = timedelta(days=91)
_CHUNK = 1000


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What one refresh did."""

    #: Patients looked at.
    patients: int
    #: Cases that hold, of all definitions and editions.
    cases: int
    #: Cases that were not known before.
    new: int
    #: Cases that no longer hold.
    withdrawn: int
    #: Clusters by the definitions in force.
    clusters: int
    #: How long it took.
    seconds: float


def refresh(engine: Engine, now: datetime, *, draws: int = DRAWS) -> Refreshed:
    """Read everything and keep it in one transaction; a reading that fails changes nothing.

    *draws* is the number of redrawings that the p of a cluster rests on.

    Raises:
        DatabaseDownError: nothing was changed.
    """
    began = time.perf_counter()
    with reading_in_parts(engine) as connection:
        found = read_all(histories(connection), now)
    since = now.date() - CLUSTER_DAYS
    clusters = [(one.id, one.edition.name, _clusters(found, one, since, draws)) for one in IN_FORCE]
    with writing(engine) as connection:
        new, withdrawn = _keep_cases(connection, found.cases, now)
        _keep_exposures(connection, found.exposures)
        _keep_clusters(connection, clusters)
        seconds = time.perf_counter() - began
        values = {"at": now, "seconds": seconds, "patients": found.patients, "cases": len(found.cases)}
        connection.execute(insert(SURVEILLANCE_RUN).values(**values))
        audit.append(connection, "surveillance", "", {"cases": len(found.cases), "new": new, "withdrawn": withdrawn})
    return Refreshed(
        patients=found.patients,
        cases=len(found.cases),
        new=new,
        withdrawn=withdrawn,
        clusters=sum(len(one) for _, _, one in clusters),
        seconds=seconds,
    )


def _clusters(found: Reading, definition: Definition, since: date, draws: int) -> tuple[Cluster, ...]:
    wanted = (definition.id, definition.edition.name)
    cases = [
        Case(id=case_id(one), unit=one.unit, day=one.sampled_at.date())
        for one in found.cases
        if (one.definition, one.edition) == wanted and one.sampled_at.date() >= since
    ]
    exposures = [
        Exposure(unit=unit, day=date.fromisoformat(day), amount=amount)
        for (of, in_edition, unit, day), amount in found.exposures.items()
        if (of, in_edition) == wanted and day >= since.isoformat()
    ]
    return find_clusters(cases, exposures, draws=draws)


def _keep_cases(connection: Connection, cases: Iterable[Verdict], now: datetime) -> tuple[int, int]:
    """How many cases are new, and how many no longer hold."""
    told = {case_id(case): case for case in cases}
    kept = {row.id: row for row in connection.execute(select(SURVEILLANCE_CASE))}
    fresh = [_row(case) | {"id": key, "first_found_at": now} for key, case in told.items() if key not in kept]
    for begin in range(0, len(fresh), _CHUNK):
        connection.execute(insert(SURVEILLANCE_CASE), fresh[begin : begin + _CHUNK])
    for key in told.keys() & kept.keys():
        values = _row(told[key])
        if any(getattr(kept[key], name) != value for name, value in values.items()):
            connection.execute(update(SURVEILLANCE_CASE).where(SURVEILLANCE_CASE.c.id == key).values(**values))
    gone = [key for key, row in kept.items() if key not in told and row.withdrawn_at is None]
    for key in gone:
        connection.execute(update(SURVEILLANCE_CASE).where(SURVEILLANCE_CASE.c.id == key).values(withdrawn_at=now))
    return len(fresh), len(gone)


def _row(case: Verdict) -> dict[str, Any]:
    return {
        "definition": case.definition,
        "edition": case.edition,
        "outcome": case.outcome.value,
        "patient_id": case.patient_id,
        "stay_id": case.stay_id,
        "source": case.source,
        "sampled_at": case.sampled_at,
        "known_at": case.known_at,
        "unit": case.unit,
        "since": case.since,
        "explanation": {"en": case.explanation.en, "da": case.explanation.da},
        "withdrawn_at": None,
    }


def _keep_exposures(connection: Connection, exposures: Mapping[tuple[str, str, str, str], float]) -> None:
    connection.execute(delete(SURVEILLANCE_EXPOSURE))
    rows = [
        {"definition": of, "edition": edition, "unit": unit, "day": day, "amount": amount}
        for (of, edition, unit, day), amount in exposures.items()
    ]
    for begin in range(0, len(rows), _CHUNK):
        connection.execute(insert(SURVEILLANCE_EXPOSURE), rows[begin : begin + _CHUNK])


def _keep_clusters(connection: Connection, found: Iterable[tuple[str, str, tuple[Cluster, ...]]]) -> None:
    connection.execute(delete(SURVEILLANCE_CLUSTER))
    for definition, edition, clusters in found:
        for cluster in clusters:
            values = {
                "definition": definition,
                "edition": edition,
                "unit": cluster.unit,
                "first_day": cluster.first.isoformat(),
                "last_day": cluster.last.isoformat(),
                "case_ids": list(cluster.case_ids),
                "expected": cluster.expected,
                "p": cluster.p,
            }
            connection.execute(insert(SURVEILLANCE_CLUSTER).values(**values))
