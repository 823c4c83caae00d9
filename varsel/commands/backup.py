"""``varsel backup`` and ``varsel restore``."""

from pathlib import Path
from typing import Annotated

import typer

BACKUP_EXAMPLES = "Example: [bold]varsel -s varsel.toml backup /backup/varsel-2026-11-22.tar[/bold]."
RESTORE_EXAMPLES = "Example: [bold]varsel -s varsel.toml restore /backup/varsel-2026-11-22.tar[/bold]."


def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="The file to write; must not exist.", show_default=False)],
) -> None:
    """Copy the whole state of the site into one file; the site goes on meanwhile.

    The settings file is not in it: keep that where you keep your configuration.
    """
    from varsel.backup import size_of, take_backup
    from varsel.console import byte_progress

    settings = context.obj.load_settings()
    with byte_progress() as bar:
        task = bar.add_task("backup", total=size_of(settings))
        taken = take_backup(settings, target, lambda count: bar.advance(task, count))
    print(f"{target}: {len(taken.digests)} files, {taken.size_bytes / 1e6:.1f} MB, state of {taken.taken_at}")


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A file that `varsel backup` wrote.", exists=True, dir_okay=False)],
) -> None:
    """Put a backup back into an empty data directory and database; then start the site as always."""
    from varsel.backup import restore_backup
    from varsel.console import byte_progress

    settings = context.obj.load_settings()
    with byte_progress() as bar:
        task = bar.add_task("restore", total=source.stat().st_size)
        put_back = restore_backup(settings, source, lambda count: bar.advance(task, count))
    print(f"{settings.site.data_dir}: {len(put_back.digests)} files, state of {put_back.taken_at}")
