"""What lies in the database of the patients, stays and sources that a group of tellings speaks of.

It is read in one go, changed here as the tellings demand, and written in one go: a database on another machine is asked
twice a group, not a dozen times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, literal_column, or_, select, text

from ehr_io.events import EventKind
from serving.records.prepared import Prepared
from serving.records.questions import Question, Row, at_once, is_among
from serving.records.schema import EVENT, STAY
from serving.records.stay_schema import PATIENT, WITHDRAWAL

#: Facts that say where a patient is; with those of who he is, all that a stay's row is made of.
PLACES = frozenset((EventKind.ADMISSION.value, EventKind.DISCHARGE.value, EventKind.WARD.value))
_STANDING = (*sorted(PLACES), EventKind.PATIENT.value)

#: Two processes that keep at the same time take turns. Any number will do, as long as every version uses the same.
_LOCK = 8_214_774
#: All that follows goes by keys: a plan that was made while the tables were small must not read them whole for ever.
_NOT_WHOLE = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
#: And since one plan serves all keys alike, none is made anew for those that are asked for.
_PLANNING = dict.fromkeys(_NOT_WHOLE, "off") | {"plan_cache_mode": "force_generic_plan"}
_TURN = text(
    f"SELECT pg_advisory_xact_lock({_LOCK}), "
    + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _PLANNING.items())
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be known."""

    #: Patients by id.
    patients: frozenset[str] = frozenset()
    #: Patients of whom all stays with their standing facts are wanted.
    people: frozenset[str] = frozenset()
    #: Stays by id.
    stays: frozenset[str] = frozenset()
    #: Stays of which the standing facts are wanted: who the patient is, admission, wards, discharge.
    standing: frozenset[str] = frozenset()
    #: Sources of which all that holds is wanted.
    sources: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Rows:
    """Rows of one table by their key, with what became of them."""

    #: All that are known.
    by_key: dict[str, Row] = field(default_factory=dict)
    #: Keys of those that are not in the database yet.
    new: set[str] = field(default_factory=set)
    #: Keys of those that differ from what the database holds.
    changed: set[str] = field(default_factory=set)

    def add(self, key: str, row: Row) -> None:
        """A row that the database has not."""
        self.by_key[key] = row
        self.new.add(key)

    def change(self, key: str, values: Mapping[str, Any]) -> bool:
        """Give a known row *values*; whether it had others before."""
        row = self.by_key[key]
        if all(row[name] == value for name, value in values.items()):
            return False
        row.update(values)
        self.changed.add(key)
        return True

    def to_insert(self) -> list[Row]:
        """The new ones."""
        return [self.by_key[key] for key in sorted(self.new)]

    def to_update(self) -> list[Row]:
        """Those that differ; always in one order, so that two writers wait for each other and not both."""
        return [self.by_key[key] for key in sorted(self.changed - self.new)]


class Questions:
    """What `Known` asks, made for one database."""

    def __init__(self, dialect: Dialect) -> None:
        """Make them for *dialect*."""
        self.turn = Prepared(_TURN, dialect) if dialect.name == "postgresql" else None
        stay, event = select(STAY), select(EVENT).where(EVENT.c.current)
        standing = event.where(or_(*(EVENT.c.kind == literal_column(f"'{kind}'") for kind in _STANDING)))
        standing_of = standing.join(STAY, STAY.c.stay_id == EVENT.c.stay_id)
        #: Takes the keys of each by its name in `Wanted`.
        self.wanted = Question(
            [
                (EVENT, standing.where(is_among(EVENT.c.stay_id, "standing", dialect))),
                (EVENT, standing_of.where(is_among(STAY.c.patient_id, "people", dialect))),
                (EVENT, event.where(is_among(EVENT.c.source, "sources", dialect))),
                (PATIENT, select(PATIENT).where(is_among(PATIENT.c.patient_id, "patients", dialect))),
                (STAY, stay.where(is_among(STAY.c.stay_id, "stays", dialect))),
                (STAY, stay.where(is_among(STAY.c.patient_id, "people", dialect))),
                (WITHDRAWAL, select(WITHDRAWAL).where(is_among(WITHDRAWAL.c.source, "sources", dialect))),
            ],
            dialect,
        )


class Known:
    """What is known, as it is read and then changed."""

    def __init__(self, questions: Questions, driver: Any) -> None:
        """Know nothing yet; ask *questions* on a connection of the *driver* in a transaction."""
        self._questions = questions
        self._driver = driver
        self._has_turn = False
        self._patients: set[str] = set()
        self._stays: set[str] = set()
        self._standing: set[str] = set()
        self._events: dict[int, Row] = {}
        self.patients = Rows()
        self.stays = Rows()
        #: Source -> when it was withdrawn.
        self.withdrawn: dict[str, datetime] = {}
        #: Identities that were given up now, each with the one that remains.
        self.merged: list[Row] = []

    @property
    def events(self) -> Iterable[Row]:
        """The rows of facts that were read."""
        return self._events.values()

    def read(self, wanted: Wanted) -> None:
        """Know what is *wanted* too; what was read before is not read again."""
        stays = wanted.stays | wanted.standing
        keys = {
            "patients": wanted.patients - self._patients,
            "stays": stays - self._stays,
            "people": wanted.people,
            "standing": wanted.standing - self._standing,
            "sources": wanted.sources,
        }
        self._patients |= wanted.patients
        self._stays |= stays
        self._standing |= wanted.standing
        if any(keys.values()):
            self._ask({name: sorted(some) for name, some in keys.items()})

    def _ask(self, keys: Mapping[str, Sequence[str]]) -> None:
        question = self._questions.wanted
        with at_once(self._driver):
            if self._questions.turn is not None and not self._has_turn:
                self._questions.turn.execute(self._driver, {})
            self._has_turn = True
            cursor = question.execute(self._driver, keys)
        found = question.rows(cursor)
        self._take_patients(found[PATIENT.name])
        self._take_stays(found[STAY.name])
        self._take_events(found[EVENT.name])
        self._take_withdrawn(found[WITHDRAWAL.name])

    def _take_patients(self, rows: list[Row]) -> None:
        self.patients.by_key |= {row["patient_id"]: row for row in rows}

    def _take_stays(self, rows: list[Row]) -> None:
        for row in rows:
            # One that was read before may have been changed since.
            self.stays.by_key.setdefault(row["stay_id"], row)

    def _take_events(self, rows: list[Row]) -> None:
        for row in rows:
            self._events.setdefault(row["id"], row)

    def _take_withdrawn(self, rows: list[Row]) -> None:
        self.withdrawn |= {row["source"]: row["told_at"] for row in rows}
