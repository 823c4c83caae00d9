"""``varsel api``: the model service."""

from models.provider import ExecutionProvider
from serving.api.run import run_api as become_service
from serving.api.settings import ApiOptions
from serving.settings.file import Settings


def run_api(settings: Settings) -> None:
    """Become BentoML's process, which serves until SIGTERM or SIGINT."""
    become_service(api_options(settings))


def api_options(settings: Settings) -> ApiOptions:
    """What the model service of *settings* is started with."""
    return ApiOptions(
        store_dir=settings.store_dir,
        work_dir=settings.site.data_dir / "bentoml",
        host=settings.api.host,
        port=settings.api.port,
        execution_provider=ExecutionProvider(settings.api.execution_provider),
        threads=settings.api.threads,
        wait_seconds=settings.api.timeout_seconds,
    )
