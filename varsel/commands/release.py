"""``varsel release`` and ``varsel releases``."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.release import Release

EXAMPLES = (
    "Example: [bold]varsel release 5f3c...[/bold]. The same run packaged twice is the same release. "
    "Go on with [bold]varsel promote MODEL DIGEST --to champion --reason ...[/bold]."
)
releases = typer.Typer(help="Look at the release store.", no_args_is_help=True)


def release(
    context: typer.Context, run: Annotated[str, typer.Argument(help="Id of an exported run.", metavar="RUN")]
) -> None:
    """Freeze an exported run as a digest-named release, install it in the store, register it in MLflow."""
    from varsel.making import open_making

    made, registered = open_making(context.obj.load_settings()).release(run)
    print(f"{made.manifest.name} {made.manifest.version} ({made.digest})")
    print(f"  store:  {made.path}")
    print(f"  MLflow: version {registered.version}")
    print(f'next: varsel promote {made.manifest.name} {made.short_digest} --to champion --reason "..."')


@releases.command("list", epilog="Example: [bold]varsel releases list[/bold]")
def list_releases(context: typer.Context) -> None:
    """List every release with its aliases."""
    from models.folder_store import FolderStore

    store = FolderStore(context.obj.load_settings().store_dir)
    aliases = store.aliases()
    for one in store.releases():
        print(_line(one, aliases))


@releases.command("verify", epilog="Example: [bold]varsel releases verify[/bold]. Exit code 1 when one is damaged.")
def verify(context: typer.Context) -> None:
    """Compute every file's SHA-256 again and compare it with the manifest."""
    from models.folder_store import FolderStore

    found = FolderStore(context.obj.load_settings().store_dir).releases()
    print(f"{len(found)} releases are whole")


@releases.command("ledger", epilog="Example: [bold]varsel releases ledger[/bold]")
def ledger(context: typer.Context) -> None:
    """Show every promotion and rollback: who, when, from, to, why."""
    from models.folder_store import FolderStore

    for row in FolderStore(context.obj.load_settings().store_dir).ledger():
        before = row.from_digest[:12] or "none"
        print(f"{row.at}  {row.model} {row.alias}: {before} -> {row.to_digest[:12]}  {row.actor}: {row.reason}")


@releases.command("pull", epilog="Example: [bold]varsel releases pull chest_xray_opacity --alias champion[/bold]")
def pull(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Registered model.")],
    alias: Annotated[str, typer.Option(help="champion or challenger.")] = "champion",
) -> None:
    """Fetch a release from MLflow's registry into the store; promote it there to use it."""
    from models.folder_store import FolderStore
    from models.mlflow_registry import MlflowRegistry

    settings = context.obj.load_settings()
    store = FolderStore(settings.store_dir)
    print(_line(MlflowRegistry(settings.mlflow_tracking_uri).pull(model, alias, store), store.aliases()))


def _line(one: "Release", aliases: "Mapping[tuple[str, str], str]") -> str:
    mine = [alias for (model, alias), digest in aliases.items() if (model, digest) == (one.manifest.name, one.digest)]
    made = one.manifest.provenance.created_at[:19]
    told = f"{one.manifest.name:<24} {one.manifest.version:<8} {one.short_digest}  {made}  {' '.join(sorted(mine))}"
    return told.rstrip()
