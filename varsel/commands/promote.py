"""``varsel promote``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.registry import Alias

if TYPE_CHECKING:
    from evaluation.decision import PromotionDecision
    from evaluation.report import ComparisonReport

EXAMPLES = (
    "Examples: [bold]varsel promote chest_xray_opacity 3f9a --to champion --reason 'better on portable images'[/bold]. "
    "VERSION is a digest, its beginning, or a version. Every decision is written down, also a refusal: see "
    "[bold]varsel history MODEL[/bold]. Exit code 1 when a gate is not met; nothing has moved then."
)


def promote(  # noqa: PLR0913, PLR0917  # each is an argument or option of the command
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model name.", metavar="MODEL")],
    version: Annotated[str, typer.Argument(help="Which release of it.", metavar="VERSION")],
    to: Annotated[Alias, typer.Option("--to", help="Alias that moves.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; kept in the ledger.")],
    approver: Annotated[
        str | None, typer.Option(help="Who approves; the user of this computer unless given. Never the author.")
    ] = None,
    comparison: Annotated[
        Path | None,
        typer.Option(help="report.json of `varsel evaluate --against champion`, where no test scores are shared."),
    ] = None,
) -> None:
    """Make a release champion or challenger, when its evidence passes every gate."""
    from varsel.errors import VarselError
    from varsel.promotion import open_promotion

    promotion = open_promotion(context.obj.load_settings(), approver)
    release = promotion.store.find(model, version)
    compared = None if comparison is None else _comparison_in(comparison, release.digest)
    decision = promotion.promote(release, to, reason, compared)
    _show(decision)
    if not decision.allowed:
        raise VarselError(f"{model} {release.short_digest} was not promoted: {'; '.join(decision.reasons)}")
    print(f"{model} {release.manifest.version} ({release.short_digest}) is {to.value}")


def _show(decision: "PromotionDecision") -> None:
    for gate in decision.gates:
        print(f"  {'met    ' if gate.met else 'NOT MET'} {gate.demand}: {gate.found}")


def _comparison_in(path: Path, digest: str) -> "ComparisonReport":
    from pydantic import ValidationError

    from evaluation.report import load_report
    from varsel.errors import VarselError

    try:
        report = load_report(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise VarselError(f"'{path}' is no report.json of varsel evaluate: {error}") from error
    if report.comparison is None or report.digest != digest:
        judged = report.digest[:12] or "no release"
        raise VarselError(
            f"'{path}' judges {judged}{'' if report.comparison else ' without a comparison'}; needed is one made by "
            f"varsel evaluate {report.model}@{digest[:12]} --against champion"
        )
    return report.comparison
