"""The model service as BentoML describes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from types import ModuleType

import bentoml
from bentoml.exceptions import BentoMLException, InvalidArgument, NotFound, ServiceUnavailable
from PIL import Image

from models.errors import ModelError, RegistryError, RuntimeFailedError, RuntimeUnavailableError, UnfitInputError
from serving.api.answers import ImageAnswer, ModelInfo, StayAnswer
from serving.api.opening import open_door
from serving.api.routes import InferenceRoutes
from serving.api.settings import options_from_environment

#: An error's nearest class gives the status of a typed call.
_BENTOML_ERRORS: dict[type[Exception], type[BentoMLException]] = {
    UnfitInputError: InvalidArgument,
    RegistryError: NotFound,
    RuntimeFailedError: BentoMLException,
    RuntimeUnavailableError: ServiceUnavailable,
    ModelError: ServiceUnavailable,
}

_routes = InferenceRoutes()


@bentoml.service(
    name="modelservice",
    workers=1,
    # Threads of the typed calls; inferences over the protocol have their own.
    threads=4,
    # One line a request costs 15 % and says nothing that the metrics do not.
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(_routes.app(), path="/")
class ModelService:
    """Runs the released models: tensors under /v2 (Open Inference Protocol), typed calls for people beside it."""

    def __init__(self) -> None:
        """Load what the store's aliases point to; what fails makes readiness red instead of stopping the process."""
        self._door = open_door(options_from_environment())
        _routes.open(self._door)

    @cached_property
    def _calls(self) -> ModuleType:
        """Imported when a person first asks, since its preprocessing takes scipy: a third of a second of the start."""
        return import_module("serving.api.typed_calls")

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
        with _translated():
            return self._calls.list_models(self._door)

    @bentoml.api
    def predict_image(self, model: str, image: Image.Image) -> ImageAnswer:
        """What *model* says of one upright greyscale *image*, bright where the body is dense."""
        with _translated():
            return self._calls.predict_image(self._door, model, image)

    @bentoml.api
    def predict_stay(self, model: str, features: dict[str, float]) -> StayAnswer:
        """What *model* says of a stay with these *features*; a feature that is left out counts as not measured."""
        with _translated():
            return self._calls.predict_stay(self._door, model, features)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        kind = next(_BENTOML_ERRORS[one] for one in type(error).__mro__ if one in _BENTOML_ERRORS)
        raise kind(str(error)) from error
