"""``varsel dicom``: looking at DICOM."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from varsel.commands import deidentify
from varsel.language import Language

#: So few are read before anybody looks for a progress bar.
_FEW_FILES = 20

dicom = typer.Typer(help="DICOM files, and what Varsel says of itself.", no_args_is_help=True)
dicom.command("deidentify", epilog=deidentify.EXAMPLES)(deidentify.deidentify)


@dicom.command(
    "conformance",
    epilog="Examples: [bold]varsel dicom conformance --out statement.md[/bold]   "
    "[bold]varsel -s varsel.toml dicom conformance[/bold].",
)
def conformance(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output without it.")] = None,
) -> None:
    """Write the DICOM conformance statement (PS3.2) of this version with this site's settings, as Markdown."""
    from serving.telemetry.metrics import installed_version
    from varsel.conformance.page import conformance_page

    page = conformance_page(context.obj.load_settings(), installed_version())
    if out is None:
        print(page, end="")
    else:
        out.write_text(page, encoding="utf-8")


@dicom.command(
    "inspect",
    epilog="Examples: [bold]varsel dicom inspect study/[/bold]   "
    "[bold]varsel dicom inspect image.dcm --language da[/bold]   "
    "[bold]varsel dicom inspect study/ --json | jq '.studies[].routes'[/bold]. "
    "Exit code 3 when some files are refused at the door.",
)
def inspect(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A DICOM file, or a folder of them.", exists=True)],
    language: Annotated[Language | None, typer.Option(help="Language of the text; the site's without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: everything, as one JSON object.")] = False,
) -> None:
    """Explain a file or study: what it is, what Varsel would do with it by this site's rules and models, and why.

    Nothing is kept or sent, and neither the patient's name nor number is shown.
    """
    from models.folder_store import FolderStore
    from varsel.console import progress
    from varsel.errors import PartlyDoneError
    from varsel.inspection.explain import Inspector
    from varsel.inspection.telling import tell

    settings = context.obj.load_settings()
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    inspector = Inspector(settings.rules, FolderStore(settings.store_dir), settings.images)
    with progress(quiet=len(files) < _FEW_FILES) as bar:
        task = bar.add_task(f"Reading {path}", total=len(files))
        explanation = inspector.explain(files, lambda: bar.advance(task))
    if as_json:
        print(json.dumps(asdict(explanation), ensure_ascii=False, indent=2))
    else:
        for line in tell(explanation, language.value if language else settings.site.language):
            print(line)
    if explanation.refused:
        raise PartlyDoneError(f"{len(explanation.refused)} of {len(files)} files are refused; each is listed above")
