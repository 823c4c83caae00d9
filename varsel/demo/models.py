"""Makes the models of the demonstration that have no champion yet, by the same steps as the commands."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from models.folder_store import FolderStore
from serving.settings import Settings
from varsel.demo.directory import MODELS
from varsel.demo.words import Words
from varsel.errors import DemoError, NotInstalledError

_REASON = "made by varsel demo from synthetic data"


def missing_models(settings: Settings) -> tuple[str, ...]:
    """The models that have no champion in the store."""
    champions = {model for model, alias in FolderStore(settings.store_dir).aliases() if alias == "champion"}
    return tuple(model for model in MODELS if model not in champions)


def make_missing_models(settings: Settings, words: Words) -> tuple[str, ...]:
    """Train, export, package, register and promote what is missing: the names of what was made.

    Raises:
        NotInstalledError: models are missing and the training part is not installed.
        DemoError: a model did not pass its gates.
    """
    missing = missing_models(settings)
    if not missing:
        return ()
    if find_spec("torch") is None or find_spec("mlflow") is None:
        raise NotInstalledError(
            f"the models {', '.join(missing)} must be made first, which needs the training part: "
            "pip install 'varsel[training]'; or set VARSEL_MODELS__STORE_DIR to a store that holds them"
        )
    bars = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*bars, console=Console(stderr=True, highlight=False)) as bar:
        for name in missing:
            _make(name, settings, words, bar)
    return missing


def _make(name: str, settings: Settings, words: Words, bar: Progress) -> None:
    from models.bundle import find_bundle
    from varsel.making import open_making

    task = bar.add_task("", total=None)

    def say(step: str) -> None:
        text = words.making_model.format(name=name, step=step)
        bar.update(task, description=text)
        if not bar.console.is_terminal:
            # Bars are drawn on terminals only; elsewhere minutes would pass without a word.
            bar.console.print(text)

    say("data")
    making = open_making(settings)
    data = making.data(find_bundle(name), None)
    say("training")
    run = making.train(name, data, {}, _epochs(bar, task))
    say("export")
    making.export(run.run_id)
    say("release")
    release, _ = making.release(run.run_id)
    decision = making.promote(release, "champion", _REASON)
    if not decision.allowed:
        raise DemoError(f"'{name}' was trained but may not be champion: {'; '.join(decision.reasons)}")
    say(f"{release.manifest.version} ({release.short_digest})")
    bar.update(task, total=1, completed=1)


def _epochs(bar: Progress, task: object) -> Callable[[int, int, Mapping[str, float]], None]:
    def on_epoch(epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        del metrics
        bar.update(task, total=epochs, completed=epoch)  # type: ignore[arg-type]  # rich's TaskID

    return on_epoch
