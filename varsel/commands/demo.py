"""``varsel demo``."""

from pathlib import Path
from typing import Annotated

import typer

from varsel.exit_codes import ExitCode
from varsel.language import Language

EXAMPLES = (
    "Examples: [bold]varsel demo[/bold]   [bold]varsel demo --once --language da[/bold]   "
    "[bold]varsel demo --data my-studies/[/bold]. "
    "The first run installs the releases that ship; later runs in the same directory begin with them. "
    "With --once the exit code is 0 only when every case came out as it must."
)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Leave when every case is answered.")] = False,
    directory: Annotated[
        Path, typer.Option("--dir", help="Everything goes below this; kept for the next run.", file_okay=False)
    ] = Path("varsel-demo"),
    data: Annotated[
        Path | None, typer.Option("--data", help="Send these DICOM files instead, and just report.", exists=True)
    ] = None,
    embedded_archive: Annotated[
        bool, typer.Option("--embedded-archive", help="Use the small built-in archive although Orthanc is installed.")
    ] = False,
    language: Annotated[Language, typer.Option(help="Language of findings, pages and of this table.")] = Language.EN,
) -> None:
    """Run the whole line on one machine: studies in, findings back in a PACS; stays in, risks out."""
    from varsel.console import output
    from varsel.demo.directory import DemoDirectory
    from varsel.demo.neighbours import find_orthanc
    from varsel.demo.run import Demo, DemoOptions
    from varsel.demo.words import words_of

    options = DemoOptions(
        directory=DemoDirectory(path=directory.resolve()),
        own_data=data,
        once=once,
        orthanc=None if embedded_archive else find_orthanc(),
        language=language.value,
    )
    is_as_expected = Demo(options, words_of(language.value), output()).run()
    raise typer.Exit(ExitCode.OK if is_as_expected else ExitCode.FAILED)
