"""The terminals: standard output for answers, standard error for progress and complaints."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def output(*, width: int | None = None) -> Console:
    """Standard output; colour only where the terminal shows it (also not with NO_COLOR)."""
    return Console(highlight=False, soft_wrap=False, width=width)


def progress(*, quiet: bool = False) -> Progress:
    """A bar on standard error, so that piped output stays clean; plain lines where there is no terminal.

    *quiet* shows nothing: of several processes one alone speaks.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        disable=quiet,
    )
