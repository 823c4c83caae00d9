"""``varsel promote``."""

from enum import Enum
from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]varsel promote chest_xray_opacity 3f9a --to champion --reason 'better on portable images'[/bold]. "
    "VERSION is a digest, its beginning, or a version. Roll back by promoting the release before. "
    "Exit code 1 when a gate is not met; nothing has moved then."
)


class Alias(Enum):
    """What a release may become."""

    #: Speaks to clinicians.
    CHAMPION = "champion"
    #: Runs beside, unheard.
    CHALLENGER = "challenger"


def promote(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model name.", metavar="MODEL")],
    version: Annotated[str, typer.Argument(help="Which release of it.", metavar="VERSION")],
    to: Annotated[Alias, typer.Option("--to", help="Alias that moves.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; kept in the ledger.")],
) -> None:
    """Make a release champion or challenger, when its evidence passes every gate."""
    from varsel.errors import VarselError
    from varsel.making import open_making

    making = open_making(context.obj.load_settings())
    release = making.find_release(model, version)
    decision = making.promote(release, to.value, reason)
    for gate in decision.gates:
        print(f"  {'met    ' if gate.met else 'NOT MET'} {gate.demand}: {gate.found}")
    if not decision.allowed:
        raise VarselError(f"{model} {release.short_digest} was not promoted: {'; '.join(decision.reasons)}")
    print(f"{model} {release.manifest.version} ({release.short_digest}) is {to.value}")
