"""The terminals: standard output for answers, standard error for progress and complaints."""

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


def output(*, width: int | None = None) -> Console:
    """Standard output; colour only where the terminal shows it (also not with NO_COLOR).

    No text is taken for markup: what is told of a case, its sender's name among it, may hold brackets.
    """
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False, width=width)


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


def byte_progress() -> Progress:
    """A bar on standard error that counts bytes."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
    )


def epoch_teller(bar: Progress, task: TaskID, name: str) -> Callable[[int, int, Mapping[str, float]], None]:
    """Shows each epoch of the training *name* with its numbers as *task* of *bar*."""

    def tell(epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        said = ", ".join(f"{key} {value:.3f}" for key, value in metrics.items())
        bar.update(task, completed=epoch, total=epochs, description=f"{name}: {said}")

    return tell
