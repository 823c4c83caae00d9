"""Which release speaks: judged, written down, moved in the store's ledger, then told to MLflow where there is one.

Needs neither torch nor MLflow: a hospital's node promotes and rolls back what came on a disk.
"""

import getpass
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evaluation.decision import Candidacy, PromotionDecision
from evaluation.decision_log import DecisionLog, DecisionRow
from evaluation.gate import judge
from evaluation.report import ComparisonReport
from models.folder_store import FolderStore
from models.registry import Alias, LedgerRow
from models.release import Release
from serving.settings.file import Settings
from varsel.rollback import OpenRegistry, Rollback, demand_reason, registry_opener


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Moves the pointers of one site, and remembers who wanted what and why."""

    #: Releases, pointers, ledger; decisions lie beside the ledger.
    store: FolderStore
    #: Opens MLflow's registry; None where it is not installed.
    open_registry: OpenRegistry | None
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
            VarselError: *reason* is empty.
        """
        demand_reason(reason)
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
        """Let champion point to the release that it pointed to before; see `varsel.rollback.Rollback.run`."""
        return Rollback(store=self.store, open_registry=self.open_registry, actor=self.approver).run(model, reason)

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


def open_promotion(settings: Settings, approver: str | None = None) -> Promotion:
    """What moves the pointers of the site *settings*; *approver* is the user of this computer unless given."""
    return Promotion(
        store=FolderStore(settings.store_dir),
        open_registry=registry_opener(settings),
        approver=approver or getpass.getuser(),
    )


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
