"""``varsel rollback``."""

import getpass
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
    from models.folder_store import FolderStore
    from varsel.rollback import Rollback, registry_opener

    settings = context.obj.load_settings()
    site = Rollback(
        store=FolderStore(settings.store_dir),
        open_registry=registry_opener(settings),
        actor=actor or getpass.getuser(),
    )
    release = site.move(model, reason)
    # Said before MLflow is told, whose libraries alone take seconds to load: whoever is in a hurry may go.
    print(f"{model} {release.manifest.version} ({release.short_digest}) is champion again", flush=True)
    from rich.console import Console

    with Console(stderr=True).status("Telling MLflow"):
        site.tell_mlflow(release)
