"""Runs in MLflow: what is logged, fetched and found. One adapter, by explicit run id; no active run, no global state.

Nothing of a patient goes in: parameters, metrics, digests, weights and pictures of curves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from urllib.parse import urlparse

from matplotlib.figure import Figure

from models.mlflow_registry import MlflowException, mlflow_client
from training.errors import RunError

#: Where runs of every bundle are kept, unless the caller says otherwise.
DEFAULT_EXPERIMENT = "varsel"
#: MLflow refuses longer parameter values; the resolved config is kept whole as an artifact.
_LONGEST_PARAMETER = 500


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """One MLflow run as found."""

    #: MLflow run id.
    run_id: str
    #: ``FINISHED``, ``RUNNING``, ``FAILED`` or ``KILLED``.
    status: str
    #: Tags, also MLflow's own.
    tags: Mapping[str, str]
    #: Newest value of each metric.
    metrics: Mapping[str, float]
    #: Where its artifacts lie.
    artifact_uri: str
    #: When it was started, ISO 8601 UTC.
    started_at: str


class Tracker:
    """Writes to and reads from one MLflow tracking server or SQLite file."""

    def __init__(self, uri: str, experiment: str = DEFAULT_EXPERIMENT) -> None:
        """Use the tracking server at *uri*, e.g. ``sqlite:////var/lib/varsel/mlflow.db``."""
        #: The tracking URI.
        self.uri = uri
        self._experiment = experiment
        self._client = mlflow_client(uri)

    def start(self, name: str, parameters: Mapping[str, object], tags: Mapping[str, str]) -> str:
        """Start a run and give its id."""
        run_id: str = self._client.create_run(self._experiment_id(), tags=dict(tags), run_name=name).info.run_id
        for key, value in parameters.items():
            self._client.log_param(run_id, key, str(value)[:_LONGEST_PARAMETER])
        return run_id

    def metrics(self, run_id: str, values: Mapping[str, float], step: int = 0) -> None:
        """Log *values* at *step* (an epoch)."""
        now = int(time() * 1000)
        for key, value in values.items():
            self._client.log_metric(run_id, key, value, timestamp=now, step=step)

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set *tags*."""
        for key, value in tags.items():
            self._client.set_tag(run_id, key, value)

    def keep(self, run_id: str, path: Path, folder: str) -> None:
        """Keep a file, or every file of a directory, as artifacts in *folder*."""
        if path.is_dir():
            self._client.log_artifacts(run_id, str(path), folder)
        else:
            self._client.log_artifact(run_id, str(path), folder)

    def keep_figure(self, run_id: str, figure: Figure, name: str) -> None:
        """Keep *figure* as the picture *name*."""
        self._client.log_figure(run_id, figure, name)

    def finish(self, run_id: str, *, succeeded: bool) -> None:
        """End the run."""
        self._client.set_terminated(run_id, "FINISHED" if succeeded else "FAILED")

    def find(self, run_id: str) -> TrackedRun:
        """The run *run_id*.

        Raises:
            RunError: there is no such run.
        """
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            raise RunError(
                f"'{run_id}' is no run in '{self.uri}'; varsel train prints a run's id, MLflow's pages list them"
            ) from error
        return TrackedRun(
            run_id=run_id,
            status=run.info.status,
            tags=dict(run.data.tags),
            metrics=dict(run.data.metrics),
            artifact_uri=run.info.artifact_uri,
            started_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds"),
        )

    def fetch(self, run_id: str, folder: str, into: Path) -> Path:
        """Copy the artifacts in *folder* of a run into the directory *into*, and give where they lie.

        Raises:
            RunError: the run has no such artifacts.
        """
        if not self._client.list_artifacts(run_id, folder):
            raise RunError(f"run '{run_id}' has no artifacts in '{folder}'; the step before this one has not been run")
        return Path(self._client.download_artifacts(run_id, folder, str(into)))

    def history(self, run_id: str, metric: str) -> tuple[tuple[int, float], ...]:
        """(step, value) of *metric*, in order."""
        return tuple(sorted((point.step, point.value) for point in self._client.get_metric_history(run_id, metric)))

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None:
            return str(found.experiment_id)
        try:
            made = self._client.create_experiment(self._experiment, artifact_location=_artifact_location(self.uri))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            # Another training began in the same moment.
            return str(self._client.get_experiment_by_name(self._experiment).experiment_id)
        return str(made)


def _artifact_location(uri: str) -> str | None:
    # Beside the SQLite file; MLflow's own default is the directory that the process happens to stand in.
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(urlparse(uri).path.removeprefix("/")).resolve().parent / "mlartifacts").as_uri()
