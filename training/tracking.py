"""Runs in MLflow: what is logged, fetched and found. One adapter, by explicit run id; no active run, no global state.

Nothing of a patient goes in: parameters, metrics, digests, weights, pictures of curves; pictures of cases only where
the data are synthetic or public.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from time import time
from urllib.parse import urlparse

from matplotlib.figure import Figure
from mlflow.entities import Metric, Param
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from models.mlflow_registry import MlflowException, mlflow_client
from training.errors import RunError, TrackingError

#: Where runs of every bundle are kept, unless the caller says otherwise.
DEFAULT_EXPERIMENT = "varsel"
#: MLflow refuses longer parameter values; the resolved config is kept whole as an artifact.
_LONGEST_PARAMETER = 500
#: A server that does not even take a connection in this time is down.
_CONNECT_SECONDS = 5
#: Parameters in one request; MLflow takes no more.
_PARAMETERS_A_REQUEST = 100


class RunStatus(Enum):
    """How a run stands, in MLflow's words."""

    #: It goes on, or its process was killed: resume it.
    RUNNING = "RUNNING"
    #: Trained to the end.
    FINISHED = "FINISHED"
    #: Ended by an error.
    FAILED = "FAILED"
    #: Stopped by a person.
    KILLED = "KILLED"


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
        """Start a run and give its id.

        Raises:
            TrackingError: MLflow cannot be reached; found out in seconds.
        """
        self._demand_answer()
        with self._translated():
            run_id: str = self._client.create_run(self._experiment_id(), tags=dict(tags), run_name=name).info.run_id
            known = [Param(key, str(value)[:_LONGEST_PARAMETER]) for key, value in parameters.items()]
            for first in range(0, len(known), _PARAMETERS_A_REQUEST):
                self._client.log_batch(run_id, params=known[first : first + _PARAMETERS_A_REQUEST])
        return run_id

    def restart(self, run_id: str) -> None:
        """Let a run that ended early go on.

        Raises:
            TrackingError: MLflow cannot be reached.
        """
        self._demand_answer()
        with self._translated():
            self._client.update_run(run_id, status=RunStatus.RUNNING.value)

    def metrics(self, run_id: str, values: Mapping[str, float], step: int = 0) -> None:
        """Log *values* at *step* (an epoch), in one request.

        Raises:
            TrackingError: MLflow cannot be reached.
        """
        now = int(time() * 1000)
        with self._translated():
            self._client.log_batch(run_id, metrics=[Metric(key, value, now, step) for key, value in values.items()])

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set *tags*."""
        with self._translated():
            for key, value in tags.items():
                self._client.set_tag(run_id, key, value)

    def keep(self, run_id: str, path: Path, folder: str) -> None:
        """Keep a file, or every file of a directory, as artifacts in *folder*."""
        with self._translated():
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), folder)
            else:
                self._client.log_artifact(run_id, str(path), folder)

    def keep_figure(self, run_id: str, figure: Figure, name: str) -> None:
        """Keep *figure* as the picture *name*."""
        with self._translated():
            self._client.log_figure(run_id, figure, name)

    @contextmanager
    def watch_system(self, run_id: str, interval_seconds: float = 10) -> Iterator[None]:
        """Log use of cores, memory, disk and GPU while the body runs, as metrics ``system/...``."""
        monitor = SystemMetricsMonitor(
            run_id, sampling_interval=interval_seconds, resume_logging=True, tracking_uri=self.uri
        )
        # A point at once: a training shorter than the interval would otherwise have none.
        with self._translated():
            monitor.collect_metrics()
            monitor.publish_metrics(monitor.aggregate_metrics())
        monitor.start()
        try:
            yield
        finally:
            monitor.finish()

    def finish(self, run_id: str, status: RunStatus = RunStatus.FINISHED) -> None:
        """End the run."""
        with self._translated():
            self._client.set_terminated(run_id, status.value)

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

    def _demand_answer(self) -> None:
        """See that someone listens: MLflow's client alone would try for minutes."""
        server = urlparse(self.uri)
        if server.scheme not in {"http", "https"} or server.hostname is None:
            return
        port = server.port or (443 if server.scheme == "https" else 80)
        try:
            socket.create_connection((server.hostname, port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise TrackingError(self._down(error)) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (MlflowException, OSError) as error:
            # A failed transfer of artifacts is an OSError, of requests or of the disk.
            raise TrackingError(self._down(error)) from error

    def _down(self, error: Exception) -> str:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        return (
            f"MLflow at '{self.uri}' does not do what is asked ({reason}); "
            "see that it runs and has room, or set models.mlflow_tracking_uri to one that does"
        )

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
