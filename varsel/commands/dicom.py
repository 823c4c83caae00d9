"""``varsel dicom``: looking at DICOM."""

from pathlib import Path
from typing import Annotated

import typer

from varsel.commands import deidentify

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
