"""Received images whose study has come to its end.

First the rows say that the images are given up, then the files go, then the rows name no file any more: whatever cuts
this off, the rest is found again, and no file goes that has come anew meanwhile.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, and_, exists, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from serving.records import audit
from serving.records.database import reading, writing
from serving.records.performed import ACTIVE
from serving.records.schema import INSTANCE, STUDY, WORK_ITEM
from serving.records.workitem_schema import UPS_PERFORMED
from serving.retention.broom import Clearable, Kind
from serving.retention.ended import nothing_ended_since, nothing_open, nothing_under_way

#: Files that go in one transaction; the receiver waits for no more.
_BATCH = 100
_ACTIVE = tuple(state.value for state in ACTIVE)


class ImageBroom:
    """Clears the spool."""

    def __init__(self, engine: Engine, *, keep: timedelta, keep_failed: timedelta | None) -> None:
        """Keep images for *keep*, those of a failed analysis for *keep_failed* (None = for ever)."""
        self._engine = engine
        self._keep = keep
        self._keep_failed = keep_failed

    def find(self, now: datetime) -> Iterable[Clearable]:
        """Studies that are read, delivered, and old enough; see `Broom.find`."""
        there = or_(INSTANCE.c.cleared_at.is_(None), INSTANCE.c.path != "")
        wanted = (
            select(STUDY.c.study_uid, STUDY.c.last_arrival_at, func.count(), func.sum(INSTANCE.c.size_bytes))
            .join(INSTANCE, and_(INSTANCE.c.study_uid == STUDY.c.study_uid, there))
            .where(self._may_go(now))
            .group_by(STUDY.c.study_uid, STUDY.c.last_arrival_at)
            .order_by(STUDY.c.last_arrival_at)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        why = f"read and delivered, nothing came for {self._keep.total_seconds() / 86400:g} days"
        for study_uid, since, count, size_bytes in rows:
            yield Clearable(
                kind=Kind.IMAGES, subject=study_uid, count=count, size_bytes=int(size_bytes), since=since, why=why
            )

    def clear(self, found: Clearable, now: datetime) -> int:
        """Give the images up, then remove their files; see `Broom.clear`."""
        with writing(self._engine) as connection:
            if not self._give_up(connection, found.subject, now):
                return 0
        freed, more = 0, True
        while more:
            with writing(self._engine) as connection:
                removed = _remove_some(connection, found.subject)
            freed, more = freed + sum(removed), len(removed) == _BATCH
        with writing(self._engine) as connection:
            here = exists().where(INSTANCE.c.study_uid == STUDY.c.study_uid, INSTANCE.c.current)
            over = and_(STUDY.c.study_uid == found.subject, STUDY.c.due_at.is_(None), ~here)
            connection.execute(update(STUDY).where(over).values(cleared_at=now))
        return freed

    def _give_up(self, connection: Connection, study_uid: str, now: datetime) -> bool:
        # The row is held: an image that comes at this moment waits, and opens the study again afterwards.
        mine = select(STUDY.c.study_uid).where(STUDY.c.study_uid == study_uid, self._may_go(now)).with_for_update()
        if connection.scalar(mine) is None:
            return False
        there = and_(INSTANCE.c.study_uid == study_uid, INSTANCE.c.cleared_at.is_(None))
        given_up = update(INSTANCE).where(there).values(cleared_at=now, current=False, header="")
        count = connection.execute(given_up).rowcount
        if count:
            audit.append(connection, "images_cleared", study_uid, {"images": count})
        return True

    def _may_go(self, now: datetime) -> ColumnElement[bool]:
        before = now - self._keep
        failed_before = None if self._keep_failed is None else now - self._keep_failed
        performed = exists().where(UPS_PERFORMED.c.study_uid == STUDY.c.study_uid, UPS_PERFORMED.c.state.in_(_ACTIVE))
        return and_(
            STUDY.c.cleared_at.is_(None),
            STUDY.c.last_arrival_at < before,
            STUDY.c.due_at.is_(None),
            STUDY.c.generation > 0,
            nothing_open(STUDY.c.study_uid),
            nothing_under_way(WORK_ITEM.c.case_id == STUDY.c.study_uid),
            nothing_ended_since(STUDY.c.study_uid, before, failed_before),
            ~performed,
        )


def _remove_some(connection: Connection, study_uid: str) -> list[int]:
    """Sizes of the files removed; those that have come again are not given up any more."""
    given_up = and_(INSTANCE.c.study_uid == study_uid, INSTANCE.c.cleared_at.is_not(None), INSTANCE.c.path != "")
    wanted = select(INSTANCE.c.id, INSTANCE.c.path, INSTANCE.c.size_bytes).where(given_up).limit(_BATCH)
    rows = connection.execute(wanted.with_for_update()).all()
    for row in rows:
        Path(row.path).unlink(missing_ok=True)
    connection.execute(update(INSTANCE).where(INSTANCE.c.id.in_([row.id for row in rows])).values(path=""))
    for directory in {Path(row.path).parent for row in rows}:
        # It stays while anything lies in it.
        with contextlib.suppress(OSError):
            directory.rmdir()
    return [row.size_bytes for row in rows]
