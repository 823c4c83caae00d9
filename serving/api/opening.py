"""The composition root of the model service."""

from functools import partial

from models.folder_store import FolderStore
from models.onnx_runtime import demand_provider, open_runtime
from serving.api.door import Door
from serving.api.metrics import InferenceMetrics
from serving.api.served_models import ServedModels
from serving.api.settings import ApiOptions


def open_door(options: ApiOptions) -> Door:
    """Everything that *options* ask for, with the models loaded."""
    served = ServedModels(
        FolderStore(options.store_dir),
        open_model=partial(open_runtime, provider=options.execution_provider, threads=options.threads),
        check=partial(demand_provider, options.execution_provider),
        concurrency=options.concurrency,
        wait_seconds=options.wait_seconds,
    )
    served.load()
    return Door(models=served, metrics=InferenceMetrics(), maximum_bytes=options.maximum_request_mib * 1024 * 1024)
