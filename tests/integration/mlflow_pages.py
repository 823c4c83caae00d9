"""MLflow's own server over the database of a test's training: what a data scientist opens in a browser."""

import contextlib
import os
import threading
from collections.abc import Iterator
from unittest import mock

import uvicorn

from tests.factories.waiting import until

#: What `mlflow server` gives its workers: databases, artifacts handed out by it, no processes for jobs.
_SETTINGS = {
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@contextlib.contextmanager
def mlflow_pages(uri: str) -> Iterator[str]:
    """The address of MLflow's pages over the database at *uri*.

    In a thread of this process, which has imported most of MLflow already: a process of its own takes half a minute.
    """
    stores = {"_MLFLOW_SERVER_FILE_STORE": uri, "_MLFLOW_SERVER_REGISTRY_STORE": uri}
    with mock.patch.dict(os.environ, {**_SETTINGS, **stores}):
        from mlflow.server.fastapi_app import app  # noqa: PLC0415  reads its settings when it is imported
        from mlflow.server.handlers import initialize_backend_stores  # noqa: PLC0415  as above

        initialize_backend_stores(uri, uri)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            until(lambda: server.started, 60)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
