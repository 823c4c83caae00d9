"""Studies as they stand, and the closing of their generations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, SQLColumnExpression, or_, select, update

from dicom_io.headers import assemble_study, load_header
from dicom_io.study import Study
from serving.errors import CaseNotFoundError, ImagesClearedError
from serving.records.schema import INSTANCE, STUDY
from serving.records.statements import Statement, given

#: No study is awaited for longer than this ahead (receive.quiet_seconds ends before).
LONGEST_AWAITED = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class ClosedStudy:
    """A study of which a generation was just closed."""

    #: Study Instance UID.
    study_uid: str
    #: Number of that generation.
    generation: int


def is_due(now: SQLColumnExpression[datetime] | datetime, far: SQLColumnExpression[datetime] | datetime) -> Any:
    """A study whose time has come; or lies beyond *far*, so that it was written by a clock that is set back since."""
    return or_(STUDY.c.due_at <= now, STUDY.c.due_at > far)


_UID = given(STUDY.c.study_uid)
_NOW, _FAR = given(STUDY.c.due_at, "now"), given(STUDY.c.due_at, "far")
_OF_STUDY = INSTANCE.c.study_uid == given(INSTANCE.c.study_uid)
_DUE = Statement(select(STUDY.c.study_uid).where(is_due(_NOW, _FAR)).order_by(STUDY.c.due_at))
_HEADERS = Statement(select(INSTANCE.c.header, INSTANCE.c.path).where(_OF_STUDY, INSTANCE.c.current))
# Several nodes look at the same moment: each takes another study, and none waits for one that is being closed.
_NEXT_DUE = (
    select(STUDY.c.study_uid)
    .where(is_due(_NOW, _FAR))
    .order_by(STUDY.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLOSE = Statement(
    update(STUDY)
    .where(STUDY.c.study_uid == _NEXT_DUE)
    .values({STUDY.c.due_at: None, STUDY.c.generation: STUDY.c.generation + 1})
    .returning(STUDY.c.study_uid, STUDY.c.generation)
)
_ORIGIN = Statement(select(STUDY.c.last_arrival_at, STUDY.c.source_ae).where(STUDY.c.study_uid == _UID))
_IS_CLEARED = INSTANCE.c.cleared_at.is_not(None)
_HERE_OR_CLEARED = Statement(
    select(INSTANCE.c.sop_instance_uid, INSTANCE.c.current, _IS_CLEARED.label("is_cleared")).where(
        _OF_STUDY, or_(INSTANCE.c.current, _IS_CLEARED)
    )
)


def due_studies(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Study Instance UIDs whose open generation has fallen due."""
    return tuple(row.study_uid for row in _DUE.rows(connection, now=now, far=now + LONGEST_AWAITED))


def load_study(connection: Connection, study_uid: str) -> Study:
    """The study as received so far, newest bytes of each instance.

    Raises:
        CaseNotFoundError: nothing of it was received.
        IncompleteObjectError: its instances name more than one patient.
    """
    rows = _HEADERS.rows(connection, the_study_uid=study_uid)
    headers = [load_header(row.header).at(Path(row.path)) for row in rows]
    if not headers:
        raise CaseNotFoundError(f"no image of study '{study_uid}' is here: none came, or they were cleared away")
    return assemble_study(headers)


def close_next(connection: Connection, now: datetime) -> ClosedStudy | None:
    """Close the open generation of the study that has been due longest; None when none is that others do not close."""
    row = _CLOSE.first(connection, now=now, far=now + LONGEST_AWAITED)
    return None if row is None else ClosedStudy(study_uid=row.study_uid, generation=row.generation)


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
    rows = _HERE_OR_CLEARED.rows(connection, the_study_uid=study_uid)
    here = {row.sop_instance_uid for row in rows if row.current}
    missing = {row.sop_instance_uid for row in rows if row.is_cleared} - here
    if missing:
        raise ImagesClearedError(
            f"{len(missing)} images of the study were cleared away after their time and {len(here)} came since; "
            "send the whole study again"
        )


def origin_of(connection: Connection, study_uid: str) -> tuple[datetime, str]:
    """When the newest instance of the study came, and who sent it; empty when unknown.

    Raises:
        CaseNotFoundError: nothing of it was received.
    """
    row = _ORIGIN.first(connection, the_study_uid=study_uid)
    if row is None:
        raise CaseNotFoundError(f"nothing of study '{study_uid}' was received")
    return row.last_arrival_at, row.source_ae
