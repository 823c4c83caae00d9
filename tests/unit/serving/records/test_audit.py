"""The audit log cannot be changed unseen."""

from sqlalchemy import Engine, delete, update

from serving.records import audit
from serving.records.database import writing
from serving.records.schema import AUDIT


def fill(engine: Engine) -> None:
    for number in range(3):
        with writing(engine) as connection:
            audit.append(connection, "analysed", f"item-{number}", {"outcome": "finding"})


def test_an_untouched_log_holds(engine: Engine):
    fill(engine)

    assert audit.first_broken_link(engine) is None


def test_an_altered_record_is_found(engine: Engine):
    fill(engine)
    with writing(engine) as connection:
        connection.execute(update(AUDIT).where(AUDIT.c.sequence == 2).values(detail={"outcome": "no_finding"}))

    assert audit.first_broken_link(engine) == 2


def test_a_removed_record_is_found(engine: Engine):
    fill(engine)
    with writing(engine) as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.sequence == 2))

    assert audit.first_broken_link(engine) == 3
