"""What the model service is started with, handed from ``run_api`` to BentoML's worker in one environment variable."""

import os
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from models.provider import ExecutionProvider
from serving.errors import SettingsError

#: The variable that carries ApiOptions as JSON.
VARIABLE = "VARSEL_API_OPTIONS"


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ApiOptions:
    """The model service's options."""

    #: Release store.
    store_dir: Path
    #: BentoML's own files and metrics; made when missing, emptied of metrics at start.
    work_dir: Path
    #: Loopback, unless a proxy with client certificates stands in front: the service asks nobody who they are.
    host: str = "127.0.0.1"
    port: int = Field(default=3000, ge=1, le=65535)
    #: Must be in use, else readiness is red.
    execution_provider: ExecutionProvider = ExecutionProvider.CPU
    #: Threads of one inference; 0 = one per core that the process may use.
    threads: int = Field(default=0, ge=0)
    #: Inferences of one model at once; more wait.
    concurrency: int = Field(default=1, ge=1)
    #: An inference that has waited so long for its turn is refused with 503.
    wait_seconds: float = Field(default=120.0, gt=0)
    #: A larger request is refused with 413.
    maximum_request_mib: int = Field(default=1024, ge=1)

    @property
    def metrics_dir(self) -> Path:
        """Where prometheus_client keeps what is counted: BentoML's metrics page reads it from files."""
        return self.work_dir.resolve() / "metrics"


_OPTIONS = TypeAdapter(ApiOptions)


def options_from_environment() -> ApiOptions:
    """The options that ``run_api`` set for this process.

    Raises:
        SettingsError: the variable is not set or not valid.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        raise SettingsError(f"'{VARIABLE}' is not set; start the model service with `varsel api`")
    try:
        return _OPTIONS.validate_json(text)
    except ValidationError as error:
        raise SettingsError(f"'{VARIABLE}' is not valid: {error}") from error


def environment_of(options: ApiOptions) -> dict[str, str]:
    """The environment of the model service: this process' own, *options*, and a BentoML that stays at home."""
    return {
        **os.environ,
        VARIABLE: _OPTIONS.dump_json(options).decode(),
        "BENTOML_HOME": str(options.work_dir.resolve()),
        # Must be set before prometheus_client is imported.
        "PROMETHEUS_MULTIPROC_DIR": str(options.metrics_dir),
        # A hospital's server sends no usage statistics.
        "BENTOML_DO_NOT_TRACK": "True",
    }
