"""Which release is champion: the store's pointer and its append-only ledger."""

from dataclasses import dataclass
from typing import Protocol

from models.release import Release


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
