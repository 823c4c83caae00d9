"""Result objects and pictures of work that was delivered long ago."""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, and_, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from serving.records import audit
from serving.records.database import reading, writing
from serving.records.schema import RESULT, WORK_ITEM
from serving.retention.broom import Clearable, Kind
from serving.retention.ended import nothing_under_way
from serving.work.item import TERMINAL

_PICTURE = "picture.jpg"


class ResultBroom:
    """Clears the directory of results."""

    def __init__(self, engine: Engine, results_dir: Path, keep: timedelta) -> None:
        """Keep what lies below *results_dir* for *keep*."""
        self._engine = engine
        self._results_dir = results_dir
        self._keep = keep

    def find(self, now: datetime) -> Iterable[Clearable]:
        """Work items whose results arrived everywhere, and are old enough; see `Broom.find`."""
        newest = func.max(RESULT.c.created_at)
        wanted = (
            select(WORK_ITEM.c.id, newest, func.count())
            .join(RESULT, RESULT.c.work_item_id == WORK_ITEM.c.id)
            .where(self._may_go(now))
            .group_by(WORK_ITEM.c.id)
            .having(newest < now - self._keep)
            .order_by(newest)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        why = f"delivered, and {self._keep.total_seconds() / 86400:g} days old"
        for item_id, since, count in rows:
            size = sum(_size(path) for path in (self._results_dir / item_id).glob("*"))
            yield Clearable(kind=Kind.RESULTS, subject=item_id, count=count, size_bytes=size, since=since, why=why)

    def clear(self, found: Clearable, now: datetime) -> int:
        """Remove the files, then say so; cut off between, it is done again. See `Broom.clear`."""
        mine = and_(WORK_ITEM.c.id == found.subject, self._may_go(now))
        objects = and_(RESULT.c.work_item_id == found.subject, RESULT.c.cleared_at.is_(None))
        with writing(self._engine) as connection:
            if connection.scalar(select(WORK_ITEM.c.id).where(mine).with_for_update()) is None:
                return 0
            paths = [Path(path) for path in connection.scalars(select(RESULT.c.path).where(objects))]
            freed = _remove([*paths, self._results_dir / found.subject / _PICTURE])
            connection.execute(update(RESULT).where(objects).values(path="", cleared_at=now))
            audit.append(connection, "results_cleared", found.subject, {"objects": len(paths)})
        return freed

    def _may_go(self, now: datetime) -> ColumnElement[bool]:
        old = select(RESULT.c.work_item_id).where(RESULT.c.cleared_at.is_(None), RESULT.c.created_at < now - self._keep)
        return and_(
            WORK_ITEM.c.id.in_(old),
            WORK_ITEM.c.state.in_([one.value for one in TERMINAL]),
            nothing_under_way(),
        )


def _remove(paths: Iterable[Path]) -> int:
    """How many bytes became free."""
    freed = 0
    for path in paths:
        freed += _size(path)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()
    return freed


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
