"""``varsel bundle``: look at a bundle of the MONAI Model Zoo, and make a release of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.zoo import ZooBundle
    from training.zoo_recipe import ZooRecipe

bundle = typer.Typer(help="Look at bundles of the MONAI Model Zoo and make releases of them.", no_args_is_help=True)

_Directory = Annotated[Path, typer.Argument(help="The bundle's directory.", metavar="DIR")]
_Trust = Annotated[
    bool, typer.Option("--trust", help="Run the bundle's code: its configs can do anything that you can do.")
]


@bundle.command(
    "check",
    epilog="Example: [bold]varsel bundle check spleen_ct_segmentation --trust[/bold]. Without --trust only what can be "
    "read without running its code is looked at. Exit code 1 when a rule is not met.",
)
def check(directory: _Directory, trust: _Trust = False) -> None:
    """Say of every rule whether the bundle meets it, and what to do where it does not."""
    from training.zoo_check import Verdict, check_bundle
    from varsel.errors import VarselError

    met = True
    for result in check_bundle(_opened(directory, trust=trust)):
        print(f"  {result.verdict.value:<13} {result.demand}: {result.found}")
        met = met and result.verdict is Verdict.MET
    if not met:
        raise VarselError(f"'{directory}' cannot be imported yet; what is not met says what to do")
    print(f"next: varsel bundle import {directory} --trust --write-clinical clinical.yaml")


@bundle.command(
    "import",
    epilog="Examples: [bold]varsel bundle import spleen_ct_segmentation --trust --write-clinical clinical.yaml[/bold], "
    "fill its gaps, then [bold]varsel bundle import spleen_ct_segmentation --trust --clinical clinical.yaml[/bold]. "
    "The release is a demonstration that nobody has evaluated here: it may become challenger, not champion.",
)
def import_(
    context: typer.Context,
    directory: _Directory,
    trust: _Trust = False,
    clinical: Annotated[
        Path | None, typer.Option(help="Intended use, limits, codes, operating points: a filled draft.")
    ] = None,
    write_clinical: Annotated[
        Path | None, typer.Option(help="Write a draft of it, with gaps for what the bundle cannot know, and stop.")
    ] = None,
) -> None:
    """Make a release of a bundle as the zoo publishes it, and put it into the store and into MLflow."""
    from training.zoo_recipe import read_recipe

    if (clinical is None) == (write_clinical is None):
        raise typer.BadParameter("give one of them: first --write-clinical FILE, then --clinical FILE")
    zoo = _opened(directory, trust=trust)
    recipe = read_recipe(zoo)
    if write_clinical is not None:
        _write_draft(zoo, write_clinical)
    elif clinical is not None:
        _import(context, zoo, recipe, clinical)


def _opened(directory: Path, *, trust: bool) -> "ZooBundle":
    from training.zoo import ZooBundle
    from varsel.errors import VarselError
    from varsel.quiet import hush

    if not directory.is_dir():
        raise VarselError(f"'{directory}' is no directory; give that of a bundle, which has configs/ and models/ in it")
    hush()
    return ZooBundle(directory, trusted=trust)


def _write_draft(zoo: "ZooBundle", file: Path) -> None:
    from training.zoo_clinical import draft_clinical
    from varsel.errors import VarselError

    if file.exists():
        raise VarselError(f"'{file}' is there already; give another name, so that nobody's words are lost")
    file.write_text(draft_clinical(zoo), encoding="utf-8")
    print(f"'{file}' is written: replace every ??? in it, then")
    print(f"next: varsel bundle import {zoo.path} --trust --clinical {file}")


def _import(context: typer.Context, zoo: "ZooBundle", recipe: "ZooRecipe", file: Path) -> None:
    import getpass
    import tempfile

    from training.zoo_clinical import filled_clinical
    from training.zoo_import import stage_zoo_release
    from varsel.installing import install_release

    spec, settings = filled_clinical(file, recipe), context.obj.load_settings()
    with tempfile.TemporaryDirectory() as scratch:
        staged = stage_zoo_release(zoo, spec, getpass.getuser(), Path(scratch) / "release")
        installed = install_release(staged, settings)
    release = installed.release
    print(f"{release.manifest.name} {release.manifest.version} ({release.digest})")
    print(f"  store:  {release.path}")
    print("  a demonstration that nobody has evaluated here: the gates let it be challenger, not champion")
    print(f"next: varsel promote {release.manifest.name} {release.short_digest} --to challenger --reason ...")
