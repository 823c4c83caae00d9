"""Which release is champion: the store's pointer and its append-only ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from models.release import Release


class Alias(Enum):
    """What a release may be to its model."""

    #: Speaks to clinicians.
    CHAMPION = "champion"
    #: Runs beside, unheard.
    CHALLENGER = "challenger"


class Move(Enum):
    """Why a pointer moved."""

    #: A release earned it.
    PROMOTION = "promotion"
    #: The release before it was taken back, without gates.
    ROLLBACK = "rollback"


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One promotion or rollback."""

    #: Model name.
    model: str
    #: Alias that moved: ``champion`` or ``challenger``.
    alias: str
    #: Digest before; empty for the first.
    from_digest: str
    #: Digest after.
    to_digest: str
    #: Who did it.
    actor: str
    #: Why, in a sentence.
    reason: str
    #: ISO 8601 UTC.
    at: str
    #: Promotion or rollback.
    move: Move = Move.PROMOTION
    #: SHA-256 of the decision that allowed it; empty for a rollback.
    decision_sha256: str = ""


class ReleaseStore(Protocol):
    """Where serving finds releases; FolderStore is the real one."""

    def resolve(self, model: str, alias: str) -> Release:
        """The release that *alias* of *model* points to.

        Raises:
            RegistryError: there is no such model or alias.
            ReleaseError: the release is there but damaged.
        """

    def open(self, model: str, digest: str) -> Release:
        """The release of *model* whose digest begins with *digest*.

        Raises:
            RegistryError: there is none.
            ReleaseError: it is damaged.
        """

    def aliases(self) -> dict[tuple[str, str], str]:
        """(model, alias) -> digest, for every pointer."""

    def promote(self, row: LedgerRow) -> None:
        """Append *row* to the ledger, which moves the pointer."""


def standing(rows: Iterable[LedgerRow], model: str, alias: str) -> tuple[str, ...]:
    """The digests that *alias* of *model* points to and would be rolled back to: the newest is last.

    A promotion adds one, a rollback takes one away: rolling back twice leads two promotions back.
    """
    digests: list[str] = []
    for row in rows:
        if (row.model, row.alias) != (model, alias):
            continue
        if row.move is Move.ROLLBACK:
            digests = digests[:-1]
        else:
            digests.append(row.to_digest)
    return tuple(digests)
