"""A report as files: JSON, Markdown, one page, and each plot."""

import os
from pathlib import Path

from evaluation.errors import EvaluationError
from evaluation.html import Surroundings, page_of, plots_of
from evaluation.markdown import to_markdown, tripod_markdown
from evaluation.report import EvaluationReport, dump_report


def demand_writable(directory: Path) -> None:
    """Make *directory* if need be, so that hours of judging do not end at a place that takes no report.

    Raises:
        EvaluationError: *directory* cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(directory, error.strerror) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unusable(directory, "Permission denied")


def write_report(directory: Path, report: EvaluationReport, surroundings: Surroundings) -> tuple[Path, ...]:
    """Write ``report.json``, ``report.md``, ``report.html`` and ``plots/*.png`` into *directory*, made if need be.

    Raises:
        EvaluationError: *directory* cannot be written to.
    """
    plots = plots_of(report, surroundings.language)
    files: dict[str, bytes] = {
        "report.json": dump_report(report),
        "report.md": _markdown(report, surroundings).encode(),
        "report.html": page_of(report, surroundings, plots).encode(),
        **{f"plots/{name}.png": plot for name, plot in plots.items()},
    }
    try:
        for name, content in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
    except OSError as error:
        raise _unusable(directory, error.strerror) from error
    return tuple(directory / name for name in files)


def _unusable(directory: Path, why: str | None) -> EvaluationError:
    return EvaluationError(f"'{directory}' cannot be written to ({why}); give another directory with --out")


def _markdown(report: EvaluationReport, surroundings: Surroundings) -> str:
    table = tripod_markdown(surroundings.manifest, report) if surroundings.manifest else ""
    return f"# {report.model} {report.version}\n\n{to_markdown(report)}{table}"
