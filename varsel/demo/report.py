"""What came of a run: a table for people, ``demo.json`` for machines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from varsel.case_status import CaseStatus
from varsel.demo.judge import Result
from varsel.demo.words import Words

#: Distributions whose versions are worth knowing when two runs differ.
_DISTRIBUTIONS = (
    *("varsel", "bentoml", "dbos", "highdicom", "mlflow", "monai", "numpy"),
    *("onnxruntime", "pydicom", "pynetdicom", "torch"),
)
_TOTAL = "received_to_stored"


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """One run of the demonstration."""

    #: Its name, part of every UID it made.
    run: str
    #: ISO 8601 UTC.
    started_at: str
    #: From the first step to the last answer.
    seconds: float
    #: Seconds of each step.
    steps: Mapping[str, float]
    #: What stood in for the PACS.
    pacs: str
    #: What was left out, and why.
    notes: Sequence[str]
    #: Name -> URL or host:port.
    addresses: Mapping[str, str]
    #: Model name -> version and digest.
    models: Mapping[str, Mapping[str, str]]
    #: Result objects lie below this.
    results_dir: Path
    #: In the order of sending.
    results: Sequence[Result]

    @property
    def is_as_expected(self) -> bool:
        """Whether every case became what it must."""
        return not any(result.faults for result in self.results)

    def picture(self, result: Result) -> Path | None:
        """The picture of a case; None when there is none."""
        path = self.results_dir / (result.status.work_item_id if result.status else "") / "picture.jpg"
        return path if path.is_file() else None


def print_report(report: RunReport, words: Words, console: Console) -> None:
    """The cases, their seconds, reasons, pictures, the addresses, and what is not as it must be."""
    console.print(_cases_table(report, words))
    console.print(_seconds_table(report, words))
    of_cases = {
        words.reasons: {one.case.title: one.reason for one in report.results if one.reason},
        words.pictures: {one.case.title: str(path) for one in report.results if (path := report.picture(one))},
        words.addresses: report.addresses,
        words.not_as_expected: {one.case.title: "; ".join(one.faults) for one in report.results if one.faults},
    }
    for head, lines in of_cases.items():
        _print_list(console, head, lines)
    for note in report.notes:
        console.print(note)
    if report.is_as_expected:
        console.print(words.all_as_expected)


def write_report(report: RunReport, path: Path) -> None:
    """Write ``demo.json``."""
    said = {
        **{name: getattr(report, name) for name in ("run", "started_at", "seconds", "steps", "pacs", "notes")},
        "as_expected": report.is_as_expected,
        "addresses": report.addresses,
        "models": report.models,
        "versions": _versions(),
        "cases": [_case(report, result) for result in report.results],
    }
    path.write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _print_list(console: Console, head: str, lines: Mapping[str, str]) -> None:
    if not lines:
        return
    console.print(head)
    width = max(map(len, lines))
    for name, text in lines.items():
        # A path that is broken over two lines cannot be copied.
        console.print(f"  {name:<{width}}  {text}", soft_wrap=True)


def _cases_table(report: RunReport, words: Words) -> Table:
    table = Table("#", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in words.columns:
        # On a narrow terminal nothing is cut off, and the name of a model stays whole.
        table.add_column(head, overflow="fold", no_wrap=head == words.model)
    for number, result in enumerate(report.results, start=1):
        table.add_row(str(number), result.case.title, *_cells(result, words))
    return table


def _cells(result: Result, words: Words) -> tuple[str, ...]:
    status, answer = result.status, words.answers[result.answer.value]
    if status is None:
        return answer, "", "", ""
    model = f"{status.model}\n{status.model_version} {status.release_digest[:12]}" if status.model else ""
    return answer, model, _probability(status), _sent(result, words)


def _seconds_table(report: RunReport, words: Words) -> Table:
    """Seconds of each stage; the last column runs from the last object received to the result stored in the PACS."""
    timings = {number: one.status.timings for number, one in enumerate(report.results, start=1) if one.status}
    stages = list(dict.fromkeys(stage for one in timings.values() for stage in one if stage != _TOTAL))
    table = Table("#", title=words.seconds, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for stage in (*stages, words.total):
        table.add_column(stage, justify="right")
    for number, seconds in timings.items():
        if seconds:
            cells = [seconds.get(stage) for stage in (*stages, _TOTAL)]
            table.add_row(str(number), *("" if one is None else f"{one:.2f}" for one in cells))
    return table


def _probability(status: CaseStatus) -> str:
    if status.risk is not None:
        return f"{status.risk:.1%}"
    return "\n".join(f"{label} {value:.2f}" for label, value in status.scores.items())


def _sent(result: Result, words: Words) -> str:
    status = result.status
    if status is None or not status.objects:
        return ""
    kinds = ", ".join(one.kind.upper() for one in status.objects)
    is_held = all(one.sop_instance_uid in result.held for one in status.objects)
    to = ", ".join(one.destination for one in status.deliveries)
    return f"{kinds} -> {to}\n{words.is_stored if is_held else words.is_missing}"


def _case(report: RunReport, result: Result) -> dict[str, Any]:
    picture = report.picture(result)
    said: dict[str, Any] = {
        "key": result.case.key,
        "title": result.case.title,
        "case_id": result.case.case_id,
        "answer": result.answer.value,
        "as_expected": not result.faults,
        "faults": list(result.faults),
        "reason_code": result.reason_code,
        "reason": result.reason,
        "picture": str(picture) if picture else None,
    }
    if result.status is None:
        return said
    held = {one.sop_instance_uid: one.sop_instance_uid in result.held for one in result.status.objects}
    status = asdict(result.status)
    return said | {"status": status, "in_pacs": held}


def _versions() -> dict[str, str]:
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
