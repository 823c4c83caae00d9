"""``varsel rollback``."""

from typing import Annotated

import typer

EXAMPLES = (
    "Example: [bold]varsel rollback chest_xray_opacity --reason 'too many findings on portable images'[/bold]. "
    "No gate is asked: the release before has passed them. Again goes one further back."
)


def rollback(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model name.", metavar="MODEL")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; kept in the ledger.")] = "rolled back",
    actor: Annotated[str | None, typer.Option(help="Who rolls back; the user of this computer unless given.")] = None,
) -> None:
    """Make the champion before the present one champion again, at once."""
    from varsel.promotion import open_promotion

    release = open_promotion(context.obj.load_settings(), actor).rollback(model, reason)
    print(f"{model} {release.manifest.version} ({release.short_digest}) is champion again")
