"""``varsel release``: make, look at, check and fetch releases."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from varsel.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.mlflow_registry import RegisteredRelease
    from models.release import Release
    from serving.settings.file import Settings

release = typer.Typer(help="Make, look at, check and fetch releases.", no_args_is_help=True)


@release.command(
    "make",
    epilog="Example: [bold]varsel release make 5f3c...[/bold]. The same run packaged twice is the same release. "
    "Go on with [bold]varsel promote MODEL DIGEST --to champion --reason ...[/bold].",
)
def make(
    context: typer.Context, run: Annotated[str, typer.Argument(help="Id of an exported run.", metavar="RUN")]
) -> None:
    """Freeze an exported run as a digest-named release, install it in the store, register it in MLflow."""
    from varsel.making import open_making

    made, registered = open_making(context.obj.load_settings()).release(run)
    _print_made(made, registered.version)


@release.command(
    "build",
    epilog="Example: [bold]varsel release build bacteremia_at_culture --data development.csv.gz[/bold]. "
    "The same as varsel train, export and release make, one after the other.",
)
def build(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A bundle's name, or the directory of one.")],
    data: Annotated[
        Path | None, typer.Option(help="Data in a layout that the bundle knows; invented patients unless given.")
    ] = None,
) -> None:
    """From data to a release in one command: train, export, judge, freeze, install, register."""
    made, registered = _build(context.obj.load_settings(), name, data)
    _print_made(made, registered.version)


@release.command(
    "rebuild",
    epilog="Example: [bold]varsel release rebuild infection_urinary[/bold]. Exit code 1 when a number lies further "
    "from that of the shipped release than its tolerance.",
)
def rebuild(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A bundle of which a release comes with Varsel.")],
    data: Annotated[
        Path | None, typer.Option(help="The data that it was made from; invented patients unless given.")
    ] = None,
) -> None:
    """Make a shipped release again, and compare what both say of the same test cases."""
    from evaluation.rebuild import compare_rebuild

    first = _shipped(name)
    made, registered = _build(context.obj.load_settings(), name, data)
    _print_made(made, registered.version)
    compared = compare_rebuild(first, made)
    for when, one in (("first", first), ("again", made)):
        print(f"  made {when} on: {one.manifest.provenance.machine}")
    for number in compared.numbers:
        apart = f"{number.again - number.first:+.5f}, at most {number.tolerance:g}"
        print(
            f"  {number.metric:<24} {number.first:.5f} -> {number.again:.5f} "
            f"({apart}){'' if number.within else '  OUTSIDE'}"
        )
    if compared.furthest_case is not None:
        print(f"  furthest test case: {compared.furthest_case:.6f}")
    print(f"{name} {first.short_digest} is {'' if compared.reproduced else 'NOT '}reproduced")
    if not compared.reproduced:
        raise typer.Exit(ExitCode.FAILED)


def _shipped(name: str) -> "Release":
    from models.folder_store import shipped_releases
    from models.release import open_release
    from varsel.errors import VarselError

    shipped = {path.parent.name: path for path in shipped_releases()}
    if name not in shipped:
        raise VarselError(f"no release of '{name}' comes with Varsel; required one of {', '.join(sorted(shipped))}")
    return open_release(shipped[name])


def _build(settings: "Settings", name: str, data: Path | None) -> "tuple[Release, RegisteredRelease]":
    from models.bundle import find_bundle
    from varsel.console import epoch_teller, progress
    from varsel.making import open_making

    making, bundle = open_making(settings), find_bundle(name)
    with progress() as bar:
        task = bar.add_task(f"{bundle.name}: data", total=None)
        run = making.train(name, making.data(bundle, data), {}, epoch_teller(bar, task, bundle.name))
        bar.update(task, description=f"{bundle.name}: export and evaluation", total=None)
        making.export(run.run_id)
        bar.update(task, description=f"{bundle.name}: release")
        return making.release(run.run_id)


@release.command(
    "install",
    epilog="Example: [bold]varsel release install /media/usb/3f9a1c...[/bold]. Promote it as any other: "
    "its evidence came with it.",
)
def install(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A release's directory, e.g. on a disk.", metavar="PATH")],
) -> None:
    """Put a release that came on a disk into the store, verified, and into MLflow where that is installed."""
    from varsel.installing import install_release

    installed = install_release(path, context.obj.load_settings())
    made, registered = installed.release, installed.registered
    print(f"{made.manifest.name} {made.manifest.version} ({made.digest})")
    print(f"  store:  {made.path}")
    print(f"  MLflow: {'not installed here' if registered is None else f'version {registered.version}'}")
    print(_next_step(made))


@release.command("list", epilog="Example: [bold]varsel release list[/bold]")
def list_releases(context: typer.Context) -> None:
    """List every release with its aliases."""
    from models.folder_store import FolderStore

    store = FolderStore(context.obj.load_settings().store_dir)
    aliases = store.aliases()
    for one in store.releases():
        print(_line(one, aliases))


@release.command("verify", epilog="Example: [bold]varsel release verify[/bold]. Exit code 1 when one is damaged.")
def verify(context: typer.Context) -> None:
    """Compute every file's SHA-256 again and compare it with the manifest; check the ledger and the decisions too."""
    from evaluation.decision_log import DecisionLog
    from models.folder_store import FolderStore

    store = FolderStore(context.obj.load_settings().store_dir)
    found, moves, decisions = store.releases(), store.ledger(), DecisionLog(store.directory).rows()
    print(f"{len(found)} releases are whole; {len(moves)} moves and {len(decisions)} decisions can be read")


@release.command("ledger", epilog="Example: [bold]varsel release ledger[/bold]")
def ledger(context: typer.Context) -> None:
    """Show every promotion and rollback: who, when, from, to, why."""
    from models.folder_store import FolderStore

    for row in FolderStore(context.obj.load_settings().store_dir).ledger():
        way = f"{row.from_digest[:12] or 'none'} -> {row.to_digest[:12]}"
        print(f"{row.at}  {row.move.value:<9}  {row.model} {row.alias}: {way}  {row.actor}: {row.reason}")


@release.command("pull", epilog="Example: [bold]varsel release pull chest_xray_opacity --alias champion[/bold]")
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


def _print_made(made: "Release", version: str) -> None:
    print(f"{made.manifest.name} {made.manifest.version} ({made.digest})")
    print(f"  store:  {made.path}")
    print(f"  MLflow: version {version}")
    print(_next_step(made))


def _next_step(one: "Release") -> str:
    return f'next: varsel promote {one.manifest.name} {one.short_digest} --to champion --reason "..."'


def _line(one: "Release", aliases: "Mapping[tuple[str, str], str]") -> str:
    mine = [alias for (model, alias), digest in aliases.items() if (model, digest) == (one.manifest.name, one.digest)]
    made = one.manifest.provenance.created_at[:19]
    told = f"{one.manifest.name:<24} {one.manifest.version:<8} {one.short_digest}  {made}  {' '.join(sorted(mine))}"
    return told.rstrip()
