"""Whether anything was committed since the last look, asked as cheaply as the database allows."""

from sqlalchemy import Engine


class ChangeDetector:
    """On SQLite the file's change counter (tens of microseconds); elsewhere every look counts as a change."""

    def __init__(self, engine: Engine) -> None:
        """Watch the database of *engine* on a connection of its own, from the thread that will look."""
        self._sqlite = engine.raw_connection() if engine.dialect.name == "sqlite" else None
        self._seen = -1

    def changed(self) -> bool:
        """Whether any other connection has committed since the last call."""
        if self._sqlite is None:
            return True
        cursor = self._sqlite.cursor()
        (counter,) = cursor.execute("PRAGMA data_version").fetchone()
        cursor.close()
        seen, self._seen = self._seen, counter
        return bool(counter != seen)

    def close(self) -> None:
        """Let go of the connection."""
        if self._sqlite is not None:
            self._sqlite.close()
