"""``varsel train`` and ``varsel export``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from models.bundle import Bundle
    from training.datasets import Dataset
    from training.run import TrainingRun
    from varsel.making import Making

TRAIN_EXAMPLES = (
    "Examples: [bold]varsel train chest_xray_opacity[/bold]   "
    "[bold]varsel train ct_lung_nodule --data ~/nodules --set max_epochs=30 --set learning_rate=0.001[/bold]. "
    "Prints the run's id; go on with [bold]varsel export RUN[/bold]. After a kill: "
    "[bold]varsel train chest_xray_opacity --resume RUN[/bold]. On four GPUs: "
    "[bold]torchrun --nproc-per-node 4 --no-python varsel train ct_lung_nodule[/bold]."
)
EXPORT_EXAMPLES = (
    "Example: [bold]varsel export 5f3c...[/bold]. Calibrates on validation data, exports to ONNX, compares graph and "
    "network, judges on test data; all of it is kept in the run. Go on with [bold]varsel release make RUN[/bold]."
)
_SYNTHETIC = "synthetic"
#: What --quick changes in a bundle's configuration.
_QUICK: Mapping[str, object] = {"max_epochs": 4}


def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A bundle's name, or the directory of one.")],
    data: Annotated[str, typer.Option(help="Directory of a data set, or `synthetic`.")] = _SYNTHETIC,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE in the bundle's train.yaml; may be repeated.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer patients and epochs: to try, not to judge.")] = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with a run that was killed or failed, on its own data unless given."),
    ] = None,
) -> None:
    """Train a bundle with MONAI and track it in MLflow; under torchrun, on several GPUs or processes."""
    overrides = {**(_QUICK if quick else {}), **_overrides(settings or [])}
    if resume is not None and overrides:
        raise typer.BadParameter(
            "a resumed run keeps its own settings; leave out --set and --quick", param_hint="--resume"
        )
    from models.bundle import find_bundle
    from training.datasets import open_dataset
    from training.parallel import joined
    from varsel.console import epoch_teller, progress
    from varsel.making import open_making

    settings_of_site = context.obj.load_settings()
    bundle = find_bundle(name)
    with joined() as place, progress(quiet=not place.leads) as bar:
        making = place.after_first(lambda: open_making(settings_of_site))
        task = bar.add_task(f"{bundle.name}: data", total=None)
        on_epoch = epoch_teller(bar, task, bundle.name)
        # One process prepares the data; the others open what it wrote.
        dataset = open_dataset(Path(place.first(lambda: str(_data(making, bundle, data, resume, quick=quick).path))))
        run = (
            making.train(name, dataset, overrides, on_epoch)
            if resume is None
            else making.resume(resume, name, dataset, on_epoch)
        )
    if place.leads:
        _print_run(run)


def _data(making: "Making", bundle: "Bundle", data: str, resume: str | None, *, quick: bool) -> "Dataset":
    if data != _SYNTHETIC:
        return making.data(bundle, Path(data), quick=quick)
    return making.data(bundle, None, quick=quick) if resume is None else making.data_of(resume)


def _print_run(run: "TrainingRun") -> None:
    print(f"run {run.run_id}: {run.epochs} epochs of {run.bundle} in {run.seconds:.0f} s")
    for metric, value in sorted(run.metrics.items()):
        print(f"  {metric:<24} {value:.4f}")
    print(f"next: varsel export {run.run_id}")


def export(
    context: typer.Context, run: Annotated[str, typer.Argument(help="Id of a finished training run.", metavar="RUN")]
) -> None:
    """Export a run's network to ONNX, with parity and evaluation."""
    from varsel.making import open_making

    exported = open_making(context.obj.load_settings()).export(run)
    passed = "passed" if exported.parity.passed else "FAILED"
    print(f"run {run}: parity {passed} on {exported.parity.cases} cases")
    print(f"  log-odds x {exported.calibration.slope:.3f} {exported.calibration.intercept:+.3f}")
    for name, metric in exported.evaluation.metrics.items():
        print(f"  {name:<24} {metric.value} [{metric.lower}, {metric.upper}]")
    print(f"next: varsel release make {run}")


def _overrides(settings: list[str]) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"'{setting}' is not KEY=VALUE, e.g. max_epochs=30", param_hint="--set")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise typer.BadParameter(f"the value of '{key}' is no YAML", param_hint="--set") from error
    return found
