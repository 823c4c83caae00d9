"""The ``varsel`` command: one line a subcommand, imported lazily, and one place that turns errors into exit codes."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dicom_io.errors import DicomIoError
from ehr_io.errors import EhrIoError
from evaluation.errors import EvaluationError
from models.errors import ModelError
from serving.errors import DatabaseDownError, ServingError, SettingsError
from training.errors import TrainingError
from varsel.commands import (
    alerts,
    audit,
    backup,
    bundle,
    check,
    clean,
    demo,
    dicom,
    evaluate,
    feed,
    history,
    migrate,
    processes,
    promote,
    pull,
    release,
    rollback,
    send,
    status,
    surveillance,
    synthesize,
    train,
    work,
)
from varsel.errors import PartlyDoneError, VarselError
from varsel.exit_codes import EXPLAINED, ExitCode
from varsel.invocation import Invocation, invocation

#: Errors whose text was written for the person at the keyboard.
_TOLD = (
    *(DicomIoError, EhrIoError, EvaluationError, ModelError, ServingError, TrainingError, VarselError),
    # What the system refuses: no such file, no permission, no space. Its text names the file.
    OSError,
)


#: A module of these that is missing is a fault of this version.
_OURS = frozenset({"dicom_io", "ehr_io", "evaluation", "models", "serving", "training", "varsel"})


class _Door(TyperGroup):
    """Turns our own errors into a sentence and an exit code; any other is a bug and shows its trace."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output wants no more of it; typer ends in silence then.
            raise
        except ModuleNotFoundError as error:
            # The lean base serves; what trains and judges comes with an extra.
            if error.name is None or error.name.partition(".")[0] in _OURS:
                raise
            told = f"'{error.name}' is not installed, which this command needs: pip install 'varsel[training]'"
            print(f"varsel: {told}", file=sys.stderr)
            raise typer.Exit(ExitCode.FAILED) from error
        except _TOLD as error:
            hint = "; varsel check says more" if isinstance(error, DatabaseDownError) else ""
            print(f"varsel: {error}{hint}", file=sys.stderr)
            raise typer.Exit(_code_of(error)) from error


def _code_of(error: Exception) -> ExitCode:
    if isinstance(error, PartlyDoneError):
        return ExitCode.PARTLY
    return ExitCode.WRONG_USE if isinstance(error, SettingsError) else ExitCode.FAILED


app = typer.Typer(
    name="varsel",
    cls=_Door,
    help="Clinical AI decision support that runs beside RIS/PACS and the patient record.",
    epilog=EXPLAINED,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"varsel {version('varsel')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", "-s", help="Settings file; ./varsel.toml when it is there.", show_default=False),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version
    # A test may hand in an Invocation of its own.
    if not isinstance(context.obj, Invocation):
        context.obj = invocation(settings)


app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.command("up", epilog=processes.UP_EXAMPLES)(processes.up)
app.command("receive", epilog=processes.RECEIVE_EXAMPLES)(processes.receive)
app.add_typer(work.work, name="work")
app.command("api", epilog=processes.API_EXAMPLES)(processes.api)
app.command("web", epilog=processes.WEB_EXAMPLES)(processes.web)
app.command("archive", hidden=True)(processes.archive)
app.command("send", epilog=send.EXAMPLES)(send.send)
app.command("pull", epilog=pull.EXAMPLES)(pull.pull)
app.command("status", epilog=status.EXAMPLES)(status.status)
app.command("backup", epilog=backup.BACKUP_EXAMPLES)(backup.backup)
app.command("restore", epilog=backup.RESTORE_EXAMPLES)(backup.restore)
app.command("clean", epilog=clean.EXAMPLES)(clean.clean)
app.command("migrate", epilog=migrate.EXAMPLES)(migrate.migrate)
app.command("audit", epilog=audit.EXAMPLES)(audit.audit)
app.command("check", epilog=check.EXAMPLES)(check.check)
app.command("train", epilog=train.TRAIN_EXAMPLES)(train.train)
app.command("evaluate", epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command("export", epilog=train.EXPORT_EXAMPLES)(train.export)
app.add_typer(release.release, name="release")
app.add_typer(bundle.bundle, name="bundle")
app.command("promote", epilog=promote.EXAMPLES)(promote.promote)
app.command("rollback", epilog=rollback.EXAMPLES)(rollback.rollback)
app.command("history", epilog=history.EXAMPLES)(history.history)
app.add_typer(alerts.alerts, name="alerts")
app.add_typer(surveillance.surveillance, name="surveillance")
app.add_typer(dicom.dicom, name="dicom")
app.add_typer(feed.feed, name="feed")
app.add_typer(synthesize.synthesize, name="synthesize")


def main() -> None:
    """Run the command line of this process and exit with what its code means."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that has no Danish letters or lines gets a question mark for each, not a trace.
        sys.stdout.reconfigure(errors="replace")
    app()
