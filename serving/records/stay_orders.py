"""What a group of tellings changes, written in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, Table, delete, insert, select, update

from ehr_io.told import Told
from serving.records.known import Known
from serving.records.questions import Order, Row, at_once
from serving.records.schema import EVENT, REFUSAL, RISK, STAY
from serving.records.stay_schema import PATIENT, WITHDRAWAL
from serving.records.versions import Changes

_LONGEST_SOURCE = 128


@dataclass(frozen=True, kw_only=True)
class Writes:
    """All that is to be written."""

    #: Patients and stays, with what became of them.
    known: Known
    #: Facts that hold from now on, and that no longer do.
    changes: Changes
    #: What was told: merges and refusals.
    tolds: Sequence[Told]
    #: When it is written.
    now: datetime


class StayOrders:
    """The statements, made for one database."""

    def __init__(self, dialect: Dialect) -> None:
        """Make them for *dialect*."""
        self._new_patients = _inserting(PATIENT, dialect)
        self._patients = _updating(PATIENT, ("patient_id", "birth_date", "sex", "died_at", "merged_into"), dialect)
        self._new_stays = _inserting(STAY, dialect)
        self._stays = _updating(STAY, ("stay_id", "patient_id", "ward", "status", "known_until", "due_at"), dialect)
        self._risks = Order(
            lambda row: update(RISK).where(RISK.c.patient_id == row["prior"]).values(patient_id=row["remaining"]),
            dict.fromkeys(("prior", "remaining"), RISK.c.patient_id.type),
            dialect,
        )
        self._retired = _updating(EVENT, ("id", "current", "retired_time"), dialect)
        self._events = _inserting(EVENT, dialect)
        self._no_withdrawals = Order(
            lambda row: delete(WITHDRAWAL).where(WITHDRAWAL.c.source == row["source"]),
            {"source": WITHDRAWAL.c.source.type},
            dialect,
        )
        self._withdrawals = _inserting(WITHDRAWAL, dialect)
        self._refusals = _inserting(REFUSAL, dialect)

    def write(self, driver: Any, writes: Writes) -> None:
        """Write *writes* on a connection of the *driver* in a transaction."""
        with at_once(driver):
            self._execute(driver, writes)

    def write_and_commit(self, driver: Any, writes: Writes) -> None:
        """Write *writes* and end the transaction; when this returns they are durable."""
        with at_once(driver):
            self._execute(driver, writes)
            driver.commit()

    def _execute(self, driver: Any, writes: Writes) -> None:
        known, changes = writes.known, writes.changes
        withdrawn = [{"source": source, "told_at": at} for source, at in sorted(changes.withdrawn.items())]
        self._new_patients.execute_many(driver, known.patients.to_insert())
        self._patients.execute_many(driver, known.patients.to_update())
        self._new_stays.execute_many(driver, known.stays.to_insert())
        self._stays.execute_many(driver, known.stays.to_update())
        for merge in known.merged:
            # One after the other: an identity may be given up twice.
            self._risks.execute_many(driver, [merge])
        self._retired.execute_many(driver, changes.retired)
        self._events.execute_many(driver, changes.added)
        self._no_withdrawals.execute_many(driver, withdrawn)
        self._withdrawals.execute_many(driver, withdrawn)
        self._refusals.execute_many(driver, _refusals(writes.tolds, writes.now))


def _inserting(table: Table, dialect: Dialect) -> Order:
    # Not the number that the database gives.
    kinds = {one.name: one.type for one in table.c if one.name != "id"}
    return Order(lambda row: insert(table).from_select(list(kinds), select(*row.values())).inline(), kinds, dialect)


def _updating(table: Table, names: Sequence[str], dialect: Dialect) -> Order:
    """Gives all columns of *names* but the first their values where the first one is the row's."""
    key, *changing = names
    return Order(
        lambda row: update(table).where(table.c[key] == row[key]).values({name: row[name] for name in changing}),
        {name: table.c[name].type for name in names},
        dialect,
    )


def _refusals(tolds: Sequence[Told], now: datetime) -> list[Row]:
    return [
        {
            "at": now,
            "door": told.door,
            "reason_code": refusal.reason_code.value,
            "reason": refusal.reason,
            "source": refusal.source[:_LONGEST_SOURCE],
            "path": "",
            "case_id": "",
            "cleared_at": None,
        }
        for told in tolds
        for refusal in told.refusals
    ]
