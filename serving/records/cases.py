"""Studies as they stand, and the closing of their generations."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, SQLColumnExpression, or_, select, update

from dicom_io.headers import assemble_study, load_header
from dicom_io.study import Study
from serving.errors import CaseNotFoundError, ImagesClearedError
from serving.records.schema import INSTANCE, STUDY

#: No study is awaited for longer than this ahead (receive.quiet_seconds ends before).
LONGEST_AWAITED = timedelta(hours=1)


def is_due(now: SQLColumnExpression[datetime] | datetime, far: SQLColumnExpression[datetime] | datetime) -> Any:
    """A study whose time has come; or lies beyond *far*, so that it was written by a clock that is set back since."""
    return or_(STUDY.c.due_at <= now, STUDY.c.due_at > far)


def due_studies(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Study Instance UIDs whose open generation has fallen due."""
    due = select(STUDY.c.study_uid).where(is_due(now, now + LONGEST_AWAITED)).order_by(STUDY.c.due_at)
    return tuple(connection.scalars(due))


def load_study(connection: Connection, study_uid: str) -> Study:
    """The study as received so far, newest bytes of each instance.

    Raises:
        CaseNotFoundError: nothing of it was received.
        IncompleteObjectError: its instances name more than one patient.
    """
    wanted = (INSTANCE.c.study_uid == study_uid) & INSTANCE.c.current
    headers = [
        load_header(row.header).at(Path(row.path))
        for row in connection.execute(select(INSTANCE.c.header, INSTANCE.c.path).where(wanted))
    ]
    if not headers:
        raise CaseNotFoundError(f"no image of study '{study_uid}' is here: none came, or they were cleared away")
    return assemble_study(headers)


def close_generation(connection: Connection, study_uid: str, now: datetime) -> int | None:
    """Close the open generation of a study that has fallen due: its number, or None when it is not due any more."""
    row = connection.execute(
        update(STUDY)
        .where(STUDY.c.study_uid == study_uid, is_due(now, now + LONGEST_AWAITED))
        .values(due_at=None, generation=STUDY.c.generation + 1)
        .returning(STUDY.c.generation)
    ).one_or_none()
    return None if row is None else int(row.generation)


def settled_generation(connection: Connection, study_uid: str) -> int | None:
    """Number of the newest generation of a study when it is closed; None while more is awaited or nothing is here."""
    row = connection.execute(
        select(STUDY.c.generation, STUDY.c.due_at).where(STUDY.c.study_uid == study_uid)
    ).one_or_none()
    return int(row.generation) if row is not None and row.due_at is None and row.generation else None


def demand_all_images(connection: Connection, study_uid: str) -> None:
    """That nothing of the study was cleared away without having come again.

    Raises:
        ImagesClearedError: something was; what is here is a part that must not be read for the whole.
    """
    mine = select(INSTANCE.c.sop_instance_uid).where(INSTANCE.c.study_uid == study_uid)
    here = set(connection.scalars(mine.where(INSTANCE.c.current)))
    missing = set(connection.scalars(mine.where(INSTANCE.c.cleared_at.is_not(None)))) - here
    if missing:
        raise ImagesClearedError(
            f"{len(missing)} images of the study were cleared away after their time and {len(here)} came since; "
            "send the whole study again"
        )


def sender_of(connection: Connection, study_uid: str) -> str:
    """Who sent the newest instance of the study; empty when unknown."""
    return connection.scalar(select(STUDY.c.source_ae).where(STUDY.c.study_uid == study_uid)) or ""


def last_arrival(connection: Connection, study_uid: str) -> datetime:
    """When the newest instance of the study came."""
    found = connection.scalar(select(STUDY.c.last_arrival_at).where(STUDY.c.study_uid == study_uid))
    if found is None:
        raise CaseNotFoundError(f"nothing of study '{study_uid}' was received")
    return found
