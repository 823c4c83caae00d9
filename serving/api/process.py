"""The model service as one process: BentoML's application in uvicorn.

``bentoml serve`` would put a supervising process before it, which imports the same again before it starts its worker,
so that the service is ready three seconds later; who watches over it is systemd, Kubernetes or ``varsel up``.
"""

import shutil
from typing import Any

import uvicorn
from bentoml import server_context
from starlette.applications import Starlette

from serving.allocator import keep_freed_for_reuse
from serving.api.service import ModelService
from serving.api.settings import options_from_environment
from serving.telemetry.logs import configure_logging

#: Told to stop, an inference that runs may take so long to its end.
_DRAIN_SECONDS = 20


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    keep_freed_for_reuse()
    configure_logging("api")
    options = options_from_environment()
    # A dead process' figures would be told for ever.
    shutil.rmtree(options.metrics_dir, ignore_errors=True)
    options.metrics_dir.mkdir(parents=True)
    # A type checker takes a decorated class for what it was before.
    service: Any = ModelService
    # Labels of BentoML's own metrics, which its supervising process would set.
    server_context.service_name = server_context.bento_name = service.name
    uvicorn.run(
        without_timers(service.to_asgi()),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


def without_timers(application: Starlette) -> Starlette:
    """*application* without BentoML's own limit on a request: the clients' limits decide.

    BentoML's timer keeps all of a request, 15 kB, until its time is over, though it was answered long before.
    """
    application.user_middleware = [
        one for one in application.user_middleware if getattr(one.cls, "__name__", "") != "TimeoutMiddleware"
    ]
    return application


if __name__ == "__main__":
    main()
