"""The champion before the present one, champion again: in the store at once, then in MLflow.

Apart from `varsel.promotion`, since whoever rolls back is in a hurry: nothing that judges is imported here.
"""

import getpass
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from models.errors import RegistryError
from models.folder_store import FolderStore
from models.registry import Alias, LedgerRow, Move, standing
from models.release import Release
from serving.settings.file import Settings
from varsel.errors import PartlyDoneError, VarselError
from varsel.quiet import hush

if TYPE_CHECKING:
    from models.mlflow_registry import MlflowRegistry


class OpenRegistry(Protocol):
    """Opens MLflow's registry, which takes seconds and so waits until the pointer has moved."""

    def __call__(self) -> "MlflowRegistry":
        """The registry."""


def demand_reason(reason: str) -> None:
    """See that *reason* says something: the ledger keeps it, and nobody can ask later.

    Raises:
        VarselError: it is empty.
    """
    if not reason.strip():
        raise VarselError(
            "the reason is empty; required is why, in a sentence, e.g. --reason 'better on portable images'"
        )


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """Moves champions back at one site."""

    #: Releases, pointers, ledger.
    store: FolderStore
    #: Opens MLflow's registry; None where it is not installed.
    open_registry: OpenRegistry | None
    #: Who rolls back.
    actor: str = field(default_factory=getpass.getuser)

    def run(self, model: str, reason: str) -> Release:
        """`move`, then `tell_mlflow`.

        Raises:
            RegistryError: there is none before, or someone else moved the pointer meanwhile.
            ReleaseError: the one before is damaged.
            PartlyDoneError: serving has the release before, but MLflow could not be told.
        """
        release = self.move(model, reason)
        self.tell_mlflow(release)
        return release

    def move(self, model: str, reason: str) -> Release:
        """Let champion of *model* point to the release that it pointed to before, at once and without gates.

        Raises:
            RegistryError: there is none before, or someone else moved the pointer meanwhile.
            ReleaseError: the one before is damaged.
            VarselError: *reason* is empty.
        """
        demand_reason(reason)
        digests = standing(self.store.ledger(), model, Alias.CHAMPION.value)
        if len(digests) < 2:
            raise RegistryError(
                f"'{model}' has no champion before the present one; varsel history {model} shows what there was"
            )
        release = self.store.open(model, digests[-2])
        self.store.promote(
            LedgerRow(
                model=model,
                alias=Alias.CHAMPION.value,
                from_digest=digests[-1],
                to_digest=release.digest,
                actor=self.actor,
                reason=reason,
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                move=Move.ROLLBACK,
            )
        )
        return release

    def tell_mlflow(self, release: Release) -> None:
        """Let MLflow's alias follow to *release*; nothing where MLflow is not installed.

        Raises:
            PartlyDoneError: MLflow does not do it.
        """
        if self.open_registry is None:
            return
        try:
            self.open_registry().set_alias(release.manifest.name, release.digest, Alias.CHAMPION.value)
        except RegistryError as error:
            raise PartlyDoneError(
                f"'{release.manifest.name}' is rolled back to {release.short_digest} where it is served, "
                f"but MLflow was not told: {error}"
            ) from error


def registry_opener(settings: Settings) -> OpenRegistry | None:
    """What opens MLflow's registry of the site *settings*, once; None where MLflow is not installed."""
    if find_spec("mlflow") is None:
        return None

    def opened() -> "MlflowRegistry":
        from models.mlflow_registry import MlflowRegistry

        hush()
        settings.site.data_dir.mkdir(parents=True, exist_ok=True)
        return MlflowRegistry(settings.mlflow_tracking_uri)

    return cache(opened)
