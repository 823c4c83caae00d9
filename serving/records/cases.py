"""Studies as they stand, and the closing of their generations."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select, update

from dicom_io.headers import assemble_study, load_header
from dicom_io.study import Study
from serving.errors import CaseNotFoundError
from serving.records.schema import INSTANCE, STUDY


def due_studies(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Study Instance UIDs whose open generation has fallen due."""
    due = select(STUDY.c.study_uid).where(STUDY.c.due_at <= now).order_by(STUDY.c.due_at)
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
        raise CaseNotFoundError(f"nothing of study '{study_uid}' was received")
    return assemble_study(headers)


def close_generation(connection: Connection, study_uid: str, now: datetime) -> int | None:
    """Close the open generation of a study that has fallen due: its number, or None when it is not due any more."""
    row = connection.execute(
        update(STUDY)
        .where(STUDY.c.study_uid == study_uid, STUDY.c.due_at <= now)
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


def last_arrival(connection: Connection, study_uid: str) -> datetime:
    """When the newest instance of the study came."""
    found = connection.scalar(select(STUDY.c.last_arrival_at).where(STUDY.c.study_uid == study_uid))
    if found is None:
        raise CaseNotFoundError(f"nothing of study '{study_uid}' was received")
    return found
