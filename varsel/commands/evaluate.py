"""``varsel evaluate``."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from varsel.language import Language

if TYPE_CHECKING:
    from evaluation.evaluate import Evaluation, Model
    from evaluation.report import Chosen, EvaluationReport
    from models.folder_store import FolderStore
    from models.manifest import Manifest
    from models.release import Release
    from serving.settings.file import Settings

EXAMPLES = (
    "Examples: [bold]varsel evaluate chest_xray_opacity@champion --data ~/images --out report[/bold]   "
    "[bold]varsel evaluate infection_urinary@3f9a --data stays.parquet --out report --against champion[/bold]. "
    "Writes report.json, report.md, report.html and plots; docs/evaluation.md says how to read them."
)
#: Printed at the end, where they are there.
_MAIN = (
    *("auroc", "auprc", "brier", "accuracy", "sensitivity", "specificity", "calibration_slope"),
    *("calibration_intercept", "ece", "utility", "lesion_sensitivity", "false_positives_per_case", "dice"),
)


class Part(Enum):
    """Which cases of the data are judged."""

    #: Those that the data call test.
    TEST = "test"
    #: Every one.
    ALL = "all"


def evaluate(  # noqa: PLR0913, PLR0917  # each is an argument or option of the command
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="MODEL (its champion), MODEL@ALIAS, MODEL@DIGEST, or the id of an exported run.")
    ],
    data: Annotated[Path, typer.Option(help="Labelled data: a folder or file as the bundle lays it out.")],
    out: Annotated[Path, typer.Option(help="Directory for the report; made if need be.")],
    against: Annotated[str, typer.Option(help="Alias of a release to compare with, case by case.")] = "",
    split: Annotated[Part, typer.Option(help="Which cases, where the data name parts.")] = Part.ALL,
    gallery: Annotated[
        bool, typer.Option("--gallery", help="Pictures of the worst errors on the page: pictures of patients.")
    ] = False,
    language: Annotated[Language, typer.Option(help="Language of the page.")] = Language.EN,
) -> None:
    """Judge a release on labelled data: one report with an interval for every number."""
    from evaluation.html import Surroundings
    from evaluation.write import demand_writable, write_report

    settings = context.obj.load_settings()
    demand_writable(out)
    with ExitStack() as scratch:
        opened = _open(model, settings, scratch)
        subject = opened.model
        if (data / "dataset.json").is_file():
            evaluation = _prepared(subject, data, against)
        else:
            rival = _open(f"{subject.subject.model}@{against}", settings, scratch).model if against else None
            evaluation = _raw(subject, rival, data, (split, gallery))
    report = replace(evaluation.report, chosen=opened.chosen)
    around = Surroundings(manifest=opened.manifest, gallery=evaluation.gallery, language=language.value)
    write_report(out, report, around)
    _tell(report, out)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """What is judged."""

    #: What runs.
    model: "Model"
    #: Of the release; None of a run.
    manifest: "Manifest | None"
    #: How it was found.
    chosen: "Chosen"


def _open(name: str, settings: "Settings", scratch: ExitStack) -> _Opened:
    """The release, or the exported run, called *name*."""
    from evaluation.evaluate import Model
    from evaluation.evidence import source_digests
    from evaluation.report import Chosen
    from evaluation.subject import subject_of_release
    from models.folder_store import FolderStore
    from models.onnx_runtime import open_runtime

    base, _, which = name.partition("@")
    if not which and _is_run_id(base):
        return _Opened(model=_open_run(base, settings, scratch), manifest=None, chosen=Chosen.NAMED)
    store = FolderStore(settings.store_dir)
    release = named_release(name, store)
    model = Model(
        subject=subject_of_release(release),
        runtime=open_runtime(release, threads=0),
        layout=release.manifest.data,
        name=which or "champion",
        sources=source_digests(release),
    )
    is_shipped = _ships_instead(base, which or "champion", store)
    return _Opened(model=model, manifest=release.manifest, chosen=Chosen.SHIPPED if is_shipped else Chosen.NAMED)


def named_release(name: str, store: "FolderStore") -> "Release":
    """The release *name*: MODEL (its champion, else the one that ships with Varsel), MODEL@ALIAS, MODEL@DIGEST."""
    base, _, which = name.partition("@")
    known = {alias for model, alias in store.aliases() if model == base} | {"champion", "challenger"}
    chosen = which or "champion"
    return _shipped(base, chosen, store) or (
        store.resolve(base, chosen) if chosen in known else store.find(base, chosen)
    )


def _shipped(model: str, which: str, store: "FolderStore") -> "Release | None":
    """The release that ships with Varsel, where a champion is asked for and the site has none; else None."""
    from models.folder_store import shipped_releases
    from models.release import open_release

    if not _ships_instead(model, which, store):
        return None
    for path in shipped_releases():
        if path.parent.name == model:
            print(f"'{model}' has no champion in '{store.directory}': the release that ships with Varsel is judged")
            return open_release(path)
    return None


def _ships_instead(model: str, which: str, store: "FolderStore") -> bool:
    return which == "champion" and (model, which) not in store.aliases()


def _is_run_id(name: str) -> bool:
    """MLflow's run ids are 32 hexadecimal digits."""
    return len(name) == 32 and all(digit in "0123456789abcdef" for digit in name)


def _open_run(run_id: str, settings: "Settings", scratch: ExitStack) -> "Model":
    import tempfile

    from evaluation.evaluate import Model
    from evaluation.subject import subject_of_bundle
    from models.bundle import open_bundle
    from training.judge import runtime_of
    from training.tracking import Tracker

    tracker, directory = (
        Tracker(settings.mlflow_tracking_uri),
        Path(scratch.enter_context(tempfile.TemporaryDirectory())),
    )
    bundle = open_bundle(tracker.fetch(run_id, "bundle", directory))
    graph = tracker.fetch(run_id, "export", directory) / "model.onnx"
    return Model(
        subject=subject_of_bundle(bundle),
        runtime=runtime_of(graph, bundle),
        layout=bundle.clinical.data,
        name=run_id[:12],
    )


def _raw(model: "Model", rival: "Model | None", data: Path, wishes: tuple[Part, bool]) -> "Evaluation":
    from evaluation.evaluate import Wishes, evaluate
    from varsel.console import progress

    split, gallery = wishes
    with progress() as bar:
        task = bar.add_task(f"{model.subject.model}: reading", total=None)

        def on_batch(cases: int, total: int) -> None:
            bar.update(task, advance=cases, total=total, description=f"{model.subject.model}: cases")

        return evaluate(model, data, Wishes(split=split.value, against=rival, gallery=gallery), on_batch)


def _prepared(model: "Model", data: Path, against: str) -> "Evaluation":
    """A data set that was prepared for training: its test part."""
    from evaluation.evaluate import Evaluation
    from training.datasets import Split, open_dataset
    from training.judge import judge_dataset
    from varsel.console import progress
    from varsel.errors import VarselError

    if against:
        raise VarselError(f"'{data}' is a prepared data set; --against needs data as the bundle lays it out")
    dataset = open_dataset(data)
    with progress() as bar:
        task = bar.add_task(f"{model.subject.model}: cases", total=dataset.count(Split.TEST))
        judged = judge_dataset(model.subject, model.runtime, dataset, lambda cases: bar.update(task, advance=cases))
    return Evaluation(report=judged.report, gallery={})


def _tell(report: "EvaluationReport", out: Path) -> None:
    from evaluation.evaluate import NEW_CASES

    print(f"{report.model} {report.version} {report.digest[:12]} on {report.data.source} ({report.data.split})")
    print(f"  {report.cases} cases, {report.patients} patients, {report.positives} positive")
    for name in _MAIN:
        one = report.metrics.get(name)
        if one is not None:
            between = f"({one.reason})" if one.lower is None else f"[{one.lower}, {one.upper}]"
            print(f"  {name:<24} {'-' if one.value is None else f'{one.value:.4f}'} {between}")
    for finding in report.findings:
        if finding.suspicious:
            print(f"  LOOK: {finding.check.value}: {finding.found}")
    if report.not_examined and report.not_examined[0].startswith(NEW_CASES):
        print(f"  NOT EXAMINED: {report.not_examined[0]}")
    print(f"report: {out / 'report.html'}")
