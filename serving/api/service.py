"""The model service that ``bentoml serve`` runs: the composition root of its worker process."""

from functools import partial

import bentoml
import numpy as np
from PIL import Image

from dicom_io.volume import Radiograph
from models.errors import UnfitInputError
from models.folder_store import FolderStore
from models.manifest import RadiographPreprocessing, StayPreprocessing
from models.onnx_runtime import demand_provider, open_runtime
from models.preprocess import radiograph_to_tensor
from serving.api.answers import ImageAnswer, ModelInfo, StayAnswer, image_answer, info_of, stay_answer
from serving.api.door import Door
from serving.api.metrics import InferenceMetrics
from serving.api.routes import InferenceRoutes
from serving.api.served_models import ServedModels
from serving.api.settings import options_from_environment

#: A whole CT on a CPU; the worker's own timeout is shorter and decides.
_TIMEOUT_SECONDS = 900.0

_routes = InferenceRoutes()


@bentoml.service(
    name="varsel_models",
    workers=1,
    # Threads of the typed calls; inferences over the protocol have their own.
    threads=4,
    traffic={"timeout": _TIMEOUT_SECONDS},
    # One line a request costs 15 % and says nothing that the metrics do not.
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(_routes.app(), path="/")
class ModelService:
    """Runs the released models: tensors under /v2 (Open Inference Protocol), typed calls for people beside it."""

    def __init__(self) -> None:
        """Load what the store's aliases point to; what fails makes readiness red instead of stopping the process."""
        options = options_from_environment()
        self._door = Door(
            models=ServedModels(
                FolderStore(options.store_dir),
                open_model=partial(open_runtime, provider=options.execution_provider, threads=options.threads),
                check=partial(demand_provider, options.execution_provider),
                concurrency=options.concurrency,
                wait_seconds=options.wait_seconds,
            ),
            # Here and not at import: BentoML has set its multiprocess directory by now.
            metrics=InferenceMetrics(),
            maximum_bytes=options.maximum_request_mib * 1024 * 1024,
        )
        self._door.models.load()
        _routes.open(self._door)

    def __is_ready__(self) -> bool:
        """What BentoML's /readyz asks; the reasons stand on /v2/health/ready."""
        return not any(fault.serious for fault in self._door.models.faults())

    @bentoml.on_shutdown
    def close(self) -> None:
        """Let go of the models."""
        self._door.models.close()

    @bentoml.api
    def models(self) -> list[ModelInfo]:
        """The champions that are served."""
        served = self._door.models
        return [info_of(served.find(name).release) for name in served.champions()]

    @bentoml.api
    def predict_image(self, model: str, image: Image.Image) -> ImageAnswer:
        """What *model* says of one upright greyscale *image*, bright where the body is dense."""
        served = self._door.models.find(model)
        preprocessing = served.release.manifest.preprocessing
        if not isinstance(preprocessing, RadiographPreprocessing):
            raise UnfitInputError(f"'{model}' takes no single image; ask `models` for what it is")
        pixels = np.asarray(image.convert("F"))
        extent = (float(pixels.min()), float(pixels.max()))
        radiograph = Radiograph(pixels=pixels, value_range=extent, pixel_spacing_mm=None, sop_instance_uid="")
        tensor, _ = radiograph_to_tensor(radiograph, preprocessing)
        with self._door.timed(model):
            outputs = served.infer({served.release.manifest.inputs[0].name: tensor})
        return image_answer(served.release, outputs)

    @bentoml.api
    def predict_stay(self, model: str, features: dict[str, float]) -> StayAnswer:
        """What *model* says of a stay with these *features*; a feature that is left out counts as not measured."""
        served = self._door.models.find(model)
        preprocessing = served.release.manifest.preprocessing
        if not isinstance(preprocessing, StayPreprocessing):
            raise UnfitInputError(f"'{model}' takes no stay; ask `models` for what it is")
        names = [feature.name for feature in preprocessing.features]
        unknown = sorted(set(features) - set(names))
        if unknown:
            raise UnfitInputError(f"features {unknown} are unknown to '{model}'; it knows {names}")
        row = np.array([[features.get(name, np.nan) for name in names]], np.float32)
        with self._door.timed(model):
            outputs = served.infer({served.release.manifest.inputs[0].name: row})
        return stay_answer(served.release, preprocessing, outputs)
