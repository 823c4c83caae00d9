"""Statements that are made once speak the kinds of the columns, and keep to the transaction they run in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, select, update

from serving.errors import DatabaseDownError
from serving.records.database import reading, writing
from serving.records.schema import AUDIT, REFUSAL
from serving.records.statements import Insertion, Statement, given, new_values, setting

ADD = Insertion(AUDIT)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROW = {"action": "a", "subject": "MARKED-PATIENT", "detail": {"æ": [1]}, "previous_hash": "0", "hash": "1"}
FIND = Statement(select(AUDIT).where(AUDIT.c.hash == given(AUDIT.c.hash)))


def test_values_go_in_and_come_out_as_their_columns_say(engine: Engine):
    with writing(engine) as connection:
        ADD.add(connection, at=NOON.astimezone(timezone(timedelta(hours=1))), **ROW)
    with reading(engine) as connection:
        found = FIND.first(connection, the_hash="1")
        nothing = FIND.first(connection, the_hash="2")

    assert (found.at, found.detail, found.sequence) == (NOON, {"æ": [1]}, 1)
    assert nothing is None


def test_what_is_not_given_has_its_default(engine: Engine):
    told = {"door": "dimse", "reason_code": "not_dicom", "reason": "no DICOM", "source": "SENDER"}
    with writing(engine) as connection:
        Insertion(REFUSAL).add(connection, at=NOON, **told)
        row = connection.execute(select(REFUSAL)).one()

    assert (row.path, row.case_id, row.cleared_at) == ("", "", None)


def test_a_column_that_does_not_exist_is_named(engine: Engine):
    with writing(engine) as connection, pytest.raises(TypeError, match="subjekt"):
        ADD.add(connection, at=NOON, subjekt="b", **ROW)


def add_twice(engine: Engine) -> None:
    with writing(engine) as connection:
        ADD.add(connection, at=NOON, **ROW)
        ADD.add(connection, at=NOON, **ROW)


def test_a_row_whose_key_is_taken_is_an_error_that_quotes_no_value(engine: Engine):
    with pytest.raises(DatabaseDownError) as caught:
        add_twice(engine)

    assert "MARKED" not in str(caught.value)
    with reading(engine) as connection:
        assert FIND.rows(connection, the_hash="1") == []


def test_a_row_whose_key_is_taken_may_be_left_out(engine: Engine):
    unless_there = Insertion(AUDIT, unless_there=True)
    with writing(engine) as connection:
        assert [unless_there.add(connection, at=NOON, **ROW) for _ in range(2)] == [True, False]


def test_a_change_tells_how_many_rows_it_concerned(engine: Engine):
    change = Statement(update(AUDIT).where(AUDIT.c.hash == given(AUDIT.c.hash)).values(setting(AUDIT, ["action"])))
    with writing(engine) as connection:
        ADD.add(connection, at=NOON, **ROW)
        changed = [change.run(connection, the_hash=one, **new_values({"action": "b"})) for one in ("1", "2")]
        found = FIND.first(connection, the_hash="1")

    assert (changed, found.action) == ([1, 0], "b")
