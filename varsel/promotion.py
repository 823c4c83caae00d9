"""Which release speaks: judged, written down, moved in the store's ledger, then told to MLflow where there is one.

Needs neither torch nor MLflow: a hospital's node promotes and rolls back what came on a disk.
"""

import getpass
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from evaluation.decision import Candidacy, PromotionDecision
from evaluation.decision_log import DecisionLog, DecisionRow
from evaluation.gate import judge
from evaluation.report import ComparisonReport
from models.errors import RegistryError
from models.folder_store import FolderStore
from models.registry import Alias, LedgerRow, Move, standing
from models.release import Release
from serving.settings import Settings
from varsel.errors import PartlyDoneError
from varsel.quiet import hush

if TYPE_CHECKING:
    from models.mlflow_registry import MlflowRegistry


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Moves the pointers of one site, and remembers who wanted what and why."""

    #: Releases, pointers, ledger; decisions lie beside the ledger.
    store: FolderStore
    #: Opens MLflow's registry, which takes seconds and so waits until the pointer has moved; None = not installed.
    open_registry: "Callable[[], MlflowRegistry] | None"
    #: Who promotes or rolls back.
    approver: str = field(default_factory=getpass.getuser)

    def promote(
        self, release: Release, alias: Alias, reason: str, comparison: ComparisonReport | None = None
    ) -> PromotionDecision:
        """Judge *release* and, when every gate is met, let *alias* point to it.

        The decision is written down before anything moves, also a refusal. *comparison* with the current holder counts
        in place of stored test scores.

        Raises:
            ReleaseError: evidence is there but cannot be read.
            RegistryError: MLflow does not know the release, or someone else promoted meanwhile.
        """
        candidacy = self._candidacy(release, alias, comparison)
        decision = judge(candidacy)
        written = DecisionLog(self.store.directory).add(_decision_row(candidacy, decision, reason))
        if self.open_registry is not None:
            status = "approved" if decision.allowed else "refused"
            tags = {"validation_status": status, "gate_report_sha256": written}
            self.open_registry().tag(release.manifest.name, release.digest, tags)
        if decision.allowed:
            self._move(candidacy, reason, written)
        return decision

    def rollback(self, model: str, reason: str) -> Release:
        """Let champion point to the release that it pointed to before, at once and without gates.

        Raises:
            RegistryError: there is none before, or someone else moved the pointer meanwhile.
            ReleaseError: the one before is damaged.
            PartlyDoneError: serving has the release before, but MLflow could not be told.
        """
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
                actor=self.approver,
                reason=reason,
                at=_now(),
                move=Move.ROLLBACK,
            )
        )
        self._tell_rollback(release)
        return release

    def _candidacy(self, release: Release, alias: Alias, comparison: ComparisonReport | None) -> Candidacy:
        model = release.manifest.name
        current = self.store.aliases().get((model, alias.value))
        return Candidacy(
            release=release,
            alias=alias,
            approver=self.approver,
            holder=self.store.open(model, current) if current else None,
            comparison=comparison,
        )

    def _move(self, candidacy: Candidacy, reason: str, decision_sha256: str) -> None:
        release, holder = candidacy.release, candidacy.holder
        model, alias = release.manifest.name, candidacy.alias.value
        if holder is None or holder.digest != release.digest:
            self.store.promote(
                LedgerRow(
                    model=model,
                    alias=alias,
                    from_digest=holder.digest if holder else "",
                    to_digest=release.digest,
                    actor=self.approver,
                    reason=reason,
                    at=_now(),
                    decision_sha256=decision_sha256,
                )
            )
        if self.open_registry is not None:
            # Also when the ledger had it already: an earlier try may have ended between the two.
            self.open_registry().set_alias(model, release.digest, alias)

    def _tell_rollback(self, release: Release) -> None:
        if self.open_registry is None:
            return
        try:
            self.open_registry().set_alias(release.manifest.name, release.digest, Alias.CHAMPION.value)
        except RegistryError as error:
            raise PartlyDoneError(
                f"'{release.manifest.name}' is rolled back to {release.short_digest} where it is served, "
                f"but MLflow was not told: {error}"
            ) from error


def open_promotion(settings: Settings, approver: str | None = None) -> Promotion:
    """What moves the pointers of the site *settings*; *approver* is the user of this computer unless given."""
    opener = _opener(settings) if find_spec("mlflow") is not None else None
    return Promotion(
        store=FolderStore(settings.store_dir), open_registry=opener, approver=approver or getpass.getuser()
    )


def _opener(settings: Settings) -> "Callable[[], MlflowRegistry]":
    def opened() -> "MlflowRegistry":
        from models.mlflow_registry import MlflowRegistry

        hush()
        settings.site.data_dir.mkdir(parents=True, exist_ok=True)
        return MlflowRegistry(settings.mlflow_tracking_uri)

    return cache(opened)


def _decision_row(candidacy: Candidacy, decision: PromotionDecision, reason: str) -> DecisionRow:
    manifest = candidacy.release.manifest
    return DecisionRow(
        at=_now(),
        model=manifest.name,
        version=manifest.version,
        digest=candidacy.release.digest,
        alias=candidacy.alias.value,
        holder_digest=candidacy.holder.digest if candidacy.holder else "",
        author=manifest.provenance.author,
        approver=candidacy.approver,
        reason=reason,
        allowed=decision.allowed,
        gates=decision.gates,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
