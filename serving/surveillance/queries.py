"""What surveillance has kept, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Row, Select, select

from ehr_io.codes import Words
from evaluation.surveillance.counts import Case, Exposure
from serving.alerts.reviews import Review, ReviewKind, Subject, reviews_of
from serving.errors import CaseNotFoundError
from serving.records.surveillance_schema import (
    SURVEILLANCE_CASE,
    SURVEILLANCE_CLUSTER,
    SURVEILLANCE_EXPOSURE,
    SURVEILLANCE_RUN,
)
from serving.surveillance.reading import CONTACTS


@dataclass(frozen=True, kw_only=True)
class KeptCase:
    """A case as kept, with what people said of it."""

    #: Its id.
    id: str
    #: Definition and edition that count it.
    definition: str
    edition: str
    #: ehr_io.definitions.verdict.Outcome value.
    outcome: str
    #: Whose; personal data.
    patient_id: str
    #: Stay that it counts to; empty when it lies in none.
    stay_id: str
    #: ``Type/id`` of the sample or operation.
    source: str
    #: When the sample was taken, and when it could be known, UTC.
    sampled_at: datetime
    known_at: datetime
    #: Unit that it counts to; empty when not known.
    unit: str
    #: Why it is counted.
    explanation: Words
    #: When a later reading no longer found it; None while it holds.
    withdrawn_at: datetime | None
    #: What people said, newest first.
    reviews: tuple[Review, ...] = ()

    @property
    def verdict(self) -> ReviewKind | None:
        """Confirmed or rejected by the newest review; None before one."""
        return self.reviews[0].kind if self.reviews else None

    @property
    def is_counted(self) -> bool:
        """Whether it stands in the figures: what a person rejected, or the record took back, does not."""
        return self.withdrawn_at is None and self.verdict is not ReviewKind.REJECTED

    @property
    def as_count(self) -> Case:
        """For the statistics."""
        return Case(id=self.id, unit=self.unit, day=self.sampled_at.date())


@dataclass(frozen=True, kw_only=True)
class KeptCluster:
    """A cluster as kept."""

    #: Definition and edition.
    definition: str
    edition: str
    #: Empty = all units together.
    unit: str
    #: First and last day.
    first: date
    last: date
    #: Its cases.
    case_ids: tuple[str, ...]
    #: Cases that time at risk would explain, and the Monte Carlo p.
    expected: float
    p: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """The newest reading of the record."""

    #: When, UTC.
    at: datetime
    #: Patients looked at, and cases found.
    patients: int
    cases: int


def newest_run(connection: Connection) -> Run | None:
    """The newest reading; None before the first."""
    row = connection.execute(select(SURVEILLANCE_RUN).order_by(SURVEILLANCE_RUN.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Run(at=row.at, patients=row.patients, cases=row.cases)


def kept_cases(connection: Connection, definition: str, edition: str) -> tuple[KeptCase, ...]:
    """Every case of one edition of *definition*, newest sample first."""
    wanted = select(SURVEILLANCE_CASE).where(
        SURVEILLANCE_CASE.c.definition == definition, SURVEILLANCE_CASE.c.edition == edition
    )
    return _cases(connection, wanted.order_by(SURVEILLANCE_CASE.c.sampled_at.desc(), SURVEILLANCE_CASE.c.id))


def kept_case(connection: Connection, case_id: str) -> KeptCase:
    """The case *case_id*.

    Raises:
        CaseNotFoundError: there is none.
    """
    found = _cases(connection, select(SURVEILLANCE_CASE).where(SURVEILLANCE_CASE.c.id == case_id))
    if not found:
        raise CaseNotFoundError(f"there is no surveillance case '{case_id}'; the page of its definition lists them")
    return found[0]


def exposures(connection: Connection, definition: str, edition: str) -> tuple[Exposure, ...]:
    """What was at risk by one edition of *definition*, unit by unit and day by day."""
    rows = connection.execute(
        select(SURVEILLANCE_EXPOSURE).where(
            SURVEILLANCE_EXPOSURE.c.definition == definition, SURVEILLANCE_EXPOSURE.c.edition == edition
        )
    )
    return tuple(Exposure(unit=row.unit, day=date.fromisoformat(row.day), amount=row.amount) for row in rows)


def contacts(connection: Connection) -> tuple[Exposure, ...]:
    """The number of contacts that came to each unit, day by day."""
    return exposures(connection, CONTACTS, "")


def clusters(connection: Connection) -> tuple[KeptCluster, ...]:
    """The clusters of the newest reading, least likely by chance first."""
    rows = connection.execute(
        select(SURVEILLANCE_CLUSTER).order_by(SURVEILLANCE_CLUSTER.c.p, SURVEILLANCE_CLUSTER.c.id)
    )
    return tuple(
        KeptCluster(
            definition=row.definition,
            edition=row.edition,
            unit=row.unit,
            first=date.fromisoformat(row.first_day),
            last=date.fromisoformat(row.last_day),
            case_ids=tuple(row.case_ids),
            expected=row.expected,
            p=row.p,
        )
        for row in rows
    )


def _cases(connection: Connection, wanted: Select[tuple[object, ...]]) -> tuple[KeptCase, ...]:
    rows: Sequence[Row[tuple[object, ...]]] = connection.execute(wanted).all()
    told = reviews_of(connection, Subject.CASE, [str(row.id) for row in rows])
    return tuple(_case(row, told.get(row.id, ())) for row in rows)


def _case(row: Row[tuple[object, ...]], reviews: tuple[Review, ...]) -> KeptCase:
    return KeptCase(
        id=row.id,
        definition=row.definition,
        edition=row.edition,
        outcome=row.outcome,
        patient_id=row.patient_id,
        stay_id=row.stay_id,
        source=row.source,
        sampled_at=row.sampled_at,
        known_at=row.known_at,
        unit=row.unit,
        explanation=Words(en=row.explanation["en"], da=row.explanation["da"]),
        withdrawn_at=row.withdrawn_at,
        reviews=reviews,
    )
