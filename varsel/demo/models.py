"""Makes the models of the demonstration that have no champion yet, by the same steps as the commands."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.folder_store import FolderStore
from serving.settings import Settings
from varsel.attached import attached
from varsel.demo.directory import MODELS
from varsel.demo.words import Words
from varsel.errors import DemoError, NotInstalledError

#: Models made at one time, each with one thread.
_AT_ONCE = 2


def missing_models(settings: Settings) -> tuple[str, ...]:
    """The models that have no champion in the store."""
    champions = {model for model, alias in FolderStore(settings.store_dir).aliases() if alias == "champion"}
    return tuple(model for model in MODELS if model not in champions)


def make_missing_models(settings: Settings, settings_path: Path, words: Words) -> tuple[str, ...]:
    """Train, export, package, register and promote what is missing: the names of what was made.

    Raises:
        NotInstalledError: models are missing and the training part is not installed.
        DemoError: a model could not be made.
    """
    missing = missing_models(settings)
    if not missing:
        return ()
    if find_spec("torch") is None or find_spec("mlflow") is None:
        raise NotInstalledError(
            f"the models {', '.join(missing)} must be made first, which needs the training part: "
            "pip install 'varsel[training]'; or set VARSEL_MODELS__STORE_DIR to a store that holds them"
        )
    log_dir = settings.site.data_dir / "logs"
    log_dir.mkdir(parents=True, exist_ok=True)
    bars = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*bars, console=Console(stderr=True, highlight=False)) as bar, ThreadPoolExecutor(_AT_ONCE) as pool:
        makers = [_Maker(name=name, log=log_dir / f"make-{name}.log", bar=bar, words=words) for name in missing]
        for made in [pool.submit(maker.make, settings_path) for maker in makers]:
            made.result()
    return missing


@dataclass(frozen=True, kw_only=True)
class _Maker:
    """Follows the process that makes one model."""

    #: Bundle name.
    name: str
    #: What the libraries say goes here.
    log: Path
    #: Shows how far it is.
    bar: Progress
    #: In the language of the run.
    words: Words

    def make(self, settings_path: Path) -> None:
        command = [sys.executable, "-m", "varsel.demo.make_one", str(settings_path.resolve()), self.name]
        task = self.bar.add_task(self.name, total=None)
        error = ""
        with (
            self.log.open("ab") as log,
            # One thread each: see make_one.
            subprocess.Popen(
                attached(["env", "OMP_NUM_THREADS=1", *command]), stdout=subprocess.PIPE, stderr=log, text=True
            ) as process,
        ):
            for line in process.stdout or ():
                error = self._follow(task, line) or error
        if process.returncode != 0:
            raise DemoError(error or f"'{self.name}' could not be made (code {process.returncode}); see '{self.log}'")
        self.bar.update(task, total=1, completed=1)

    def _follow(self, task: TaskID, line: str) -> str:
        """Show what *line* says; the error that it tells of."""
        try:
            said: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            # A library printed something.
            return ""
        if "step" in said:
            text = self.words.making_model.format(name=self.name, step=said["step"])
            self.bar.update(task, description=text)
            if not self.bar.console.is_terminal:
                # Bars are drawn on terminals only; elsewhere minutes would pass without a word.
                self.bar.console.print(text)
        if "epochs" in said:
            self.bar.update(task, total=said["epochs"], completed=said["epoch"])
        return str(said.get("error", ""))
