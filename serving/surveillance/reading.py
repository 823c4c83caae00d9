"""One reading of the record by all definitions: cases, what was at risk, contacts. Pure; rows come and go elsewhere."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ehr_io.definitions.catalogue import ALL, Definition
from ehr_io.definitions.cultures import CultureDefinition
from ehr_io.definitions.history import Contact, History
from ehr_io.definitions.joint import JointDefinition
from ehr_io.definitions.risk_time import RiskPeriod, risk_periods
from ehr_io.definitions.verdict import Verdict

#: In the place of a definition: the number of contacts that came to a unit.
CONTACTS = "contacts"
#: (definition, edition, unit, day in ISO 8601).
ExposureKey = tuple[str, str, str, str]
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What all definitions found."""

    #: Counted cases.
    cases: tuple[Verdict, ...]
    #: What was at risk.
    exposures: Mapping[ExposureKey, float]
    #: Patients looked at.
    patients: int


def case_id(case: Verdict) -> str:
    """What *case* is found by: the same for the same sample, definition and edition, however often it is read."""
    return hashlib.sha256(f"{case.definition}|{case.edition}|{case.source}".encode()).hexdigest()[:32]


def read_all(patients: Iterable[History], until: datetime, definitions: tuple[Definition, ...] = ALL) -> Reading:
    """What *definitions* find in *patients*; stays without an end go on *until*."""
    cases: list[Verdict] = []
    exposures: defaultdict[ExposureKey, float] = defaultdict(float)
    count = 0
    for history in patients:
        count += 1
        for definition in definitions:
            cases.extend(verdict for verdict in definition.judge(history) if verdict.is_case)
            for key, amount in _exposures(history, definition, until):
                exposures[key] += amount
        for contact in history.contacts:
            for key in _contact_keys(contact):
                exposures[key] += 1
    return Reading(cases=tuple(cases), exposures=exposures, patients=count)


def _exposures(history: History, definition: Definition, until: datetime) -> Iterator[tuple[ExposureKey, float]]:
    if isinstance(definition, CultureDefinition):
        for period in risk_periods(history, definition, until):
            for day, amount in _days(period):
                yield (definition.id, definition.edition.name, period.unit, day), amount
    elif isinstance(definition, JointDefinition):
        for operation in history.operations:
            if operation.joint is definition.joint and operation.is_planned and not operation.is_again:
                unit = _unit_at(history, operation.at)
                yield (definition.id, definition.edition.name, unit, operation.at.date().isoformat()), 1.0


def _days(period: RiskPeriod) -> Iterator[tuple[str, float]]:
    """The days (UTC) of *period*, each with its part of a day."""
    start = period.start
    while start < period.end:
        midnight = datetime.combine(start.date() + _DAY, time(), tzinfo=UTC)
        end = min(midnight, period.end)
        yield start.date().isoformat(), (end - start) / _DAY
        start = end


def _contact_keys(contact: Contact) -> Iterator[ExposureKey]:
    """The units that *contact* came to, each on the day it first came."""
    first: dict[str, datetime] = {}
    for period in contact.wards:
        first.setdefault(period.ward, period.start)
    return ((CONTACTS, "", unit, start.date().isoformat()) for unit, start in first.items())


def _unit_at(history: History, moment: datetime) -> str:
    begun = [contact for contact in history.contacts if contact.start <= moment]
    return begun[-1].ward_at(moment) if begun else ""
