"""Every decision on a promotion, also the refusals: append-only, each line bearing the SHA-256 of the line before."""

import hashlib
from dataclasses import replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from evaluation.decision import GateResult
from models.errors import RegistryError
from models.journal import Journal

_STRICT = ConfigDict(extra="forbid")
_FIRST = "0" * 64


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DecisionRow:
    """One decision."""

    #: ISO 8601 UTC.
    at: str
    #: Model name.
    model: str
    #: Version and SHA-256 of the release that was judged.
    version: str
    digest: str
    #: What it was to be.
    alias: str
    #: SHA-256 of who held the place; empty when nobody did.
    holder_digest: str
    #: Who trained it; empty when unknown.
    author: str
    #: Who approved, or would have.
    approver: str
    #: Why, in the approver's words.
    reason: str
    #: Whether every gate was met.
    allowed: bool
    #: In the order of judging.
    gates: tuple[GateResult, ...]
    #: SHA-256 of the line before; zeros for the first.
    previous_sha256: str = _FIRST


_ROW = TypeAdapter(DecisionRow)


class DecisionLog:
    """The decisions of one release store."""

    def __init__(self, store_dir: Path) -> None:
        """Use ``decisions.jsonl`` in *store_dir*."""
        self._journal = Journal(store_dir / "decisions.jsonl")

    def add(self, row: DecisionRow) -> str:
        """Add *row* behind the last one, on disk when this returns; gives the SHA-256 of its line."""
        with self._journal.held():
            lines = self._journal.lines()
            previous = _sha256(lines[-1]) if lines else _FIRST
            line = _ROW.dump_json(replace(row, previous_sha256=previous))
            self._journal.add(line)
        return _sha256(line)

    def rows(self) -> dict[str, DecisionRow]:
        """SHA-256 of its line -> decision, oldest first.

        Raises:
            RegistryError: a line is no decision, or is not the one that the next line speaks of.
        """
        found: dict[str, DecisionRow] = {}
        previous = _FIRST
        for number, line in enumerate(self._journal.lines(), start=1):
            row = self._row(number, line)
            if row.previous_sha256 != previous:
                raise RegistryError(
                    f"'{self._journal.path}' line {number} follows {row.previous_sha256[:12]}, before it stands "
                    f"{previous[:12]}: a line was altered or taken out; restore the file from backup"
                )
            previous = _sha256(line)
            found[previous] = row
        return found

    def _row(self, number: int, line: bytes) -> DecisionRow:
        try:
            return _ROW.validate_json(line)
        except ValidationError as error:
            raise RegistryError(
                f"'{self._journal.path}' line {number} is no decision: {error}; restore the file from backup"
            ) from error


def _sha256(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
