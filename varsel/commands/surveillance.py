"""``varsel surveillance``: read the record by all case definitions, and write the monthly report."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from varsel.language import Language

surveillance = typer.Typer(help="Hospital-acquired infections by published definitions.", no_args_is_help=True)


class Form(Enum):
    """How a report is written."""

    PDF = "pdf"
    CSV = "csv"


@surveillance.command(
    "refresh",
    epilog="Example: [bold]varsel surveillance refresh[/bold], every hour by a timer; deploy/systemd has one. New "
    "cases are kept, those that the record no longer supports are withdrawn; what people said of them stays.",
)
def refresh(context: typer.Context) -> None:
    """Read every stay by all definitions and editions; keep cases, time at risk and clusters for the pages."""
    from datetime import UTC, datetime

    from serving.surveillance.refresh import refresh as read
    from varsel.console import progress
    from varsel.existing import existing_database

    engine = existing_database(context.obj.load_settings())
    with progress() as bar:
        bar.add_task("reading the record", total=None)
        found = read(engine, datetime.now(UTC))
    engine.dispose()
    print(
        f"{found.patients} patients, {found.cases} cases by all editions "
        f"({found.new} new, {found.withdrawn} withdrawn), {found.clusters} clusters, {found.seconds:.1f} s"
    )


@surveillance.command(
    "report", epilog="Example: [bold]varsel surveillance report 2026-02 --out february.pdf --form pdf[/bold]."
)
def report(
    context: typer.Context,
    month: Annotated[str, typer.Argument(help="Month, as 2026-02.", metavar="MONTH")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    form: Annotated[Form, typer.Option(help="PDF to read, CSV to reckon with.")] = Form.PDF,
    language: Annotated[Language | None, typer.Option(help="Language of the report; the site's without it.")] = None,
) -> None:
    """Write the report of one month: incidence by definition and unit, special causes, clusters."""
    import re

    from serving.records.database import reading
    from serving.surveillance.report import as_csv, as_pdf, monthly_report
    from varsel.existing import existing_database

    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise typer.BadParameter(f"'{month}' is no month; write it as 2026-02", param_hint="MONTH")
    settings = context.obj.load_settings()
    engine = existing_database(settings)
    with reading(engine) as connection:
        told = monthly_report(connection, month)
    engine.dispose()
    spoken = language.value if language else settings.site.language
    out.write_bytes(as_pdf(told, spoken) if form is Form.PDF else as_csv(told, spoken))
    print(f"report of {month}: {out}")
