"""Bytes that were refused at a door, after a person has had time to look at them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select, update

from serving.records.database import reading, writing
from serving.records.schema import REFUSAL
from serving.retention.broom import Clearable, Kind


class RefusedBroom:
    """Clears what the doors put aside."""

    def __init__(self, engine: Engine, refused_dir: Path, keep: timedelta) -> None:
        """Keep what lies in *refused_dir* for *keep*."""
        self._engine = engine
        self._refused_dir = refused_dir
        self._keep = keep

    def find(self, now: datetime) -> Iterable[Clearable]:
        """Files that were not refused again lately (equal bytes are one file), or that no row names."""
        newest = func.max(REFUSAL.c.at)
        named = select(REFUSAL.c.path, newest).where(REFUSAL.c.path != "").group_by(REFUSAL.c.path)
        with reading(self._engine) as connection:
            refused_at = {Path(path): at for path, at in connection.execute(named)}
        why = f"refused {self._keep.total_seconds() / 86400:g} days ago or earlier"
        for path in sorted({*refused_at, *self._refused_dir.glob("*")}):
            since = refused_at.get(path) or datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if since < now - self._keep:
                size = path.stat().st_size if path.is_file() else 0
                yield Clearable(kind=Kind.REFUSED, subject=str(path), count=1, size_bytes=size, since=since, why=why)

    def clear(self, found: Clearable, now: datetime) -> int:
        """Remove the file, then say so in every row that named it; see `Broom.clear`."""
        mine = REFUSAL.c.path == found.subject
        with writing(self._engine) as connection:
            newest = connection.scalar(select(func.max(REFUSAL.c.at)).where(mine))
            if newest is not None and newest >= now - self._keep:
                return 0
            Path(found.subject).unlink(missing_ok=True)
            connection.execute(update(REFUSAL).where(mine).values(path="", cleared_at=now))
        return found.size_bytes
