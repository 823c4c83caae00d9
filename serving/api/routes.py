"""The Open Inference Protocol v2 over HTTP.

https://github.com/kserve/open-inference-protocol (inference_rest.md). The model version is the first twelve digits of
the release digest; without one the champion answers.
"""

from collections.abc import Callable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.errors import ModelError, RegistryError, RuntimeFailedError, RuntimeUnavailableError, UnfitInputError
from models.manifest import TensorSpec
from serving.api.body import MessageResponse, read_body
from serving.api.door import Door
from serving.api.errors import MalformedMessageError
from serving.api.inference_protocol import HEADER_LENGTH
from serving.api.served_models import ServedModel

_Result = TypeVar("_Result")

#: Inferences that run or wait for their model's turn in a thread; more wait in the event loop.
_INFERENCE_THREADS = 32

#: An error's nearest class gives the status.
_STATUS: dict[type[Exception], int] = {
    MalformedMessageError: 400,
    UnfitInputError: 400,
    RegistryError: 404,
    RuntimeFailedError: 500,
    RuntimeUnavailableError: 503,
    # Altered release, missing GPU: this server cannot, another or a later one may.
    ModelError: 503,
}


class InferenceRoutes:
    """The handlers. BentoML wants the application before its worker may load a model, hence :meth:`open`."""

    def __init__(self) -> None:
        """Answer 503 until opened."""
        self._door: Door | None = None

    def open(self, door: Door) -> None:
        """From now on, answer through *door*."""
        self._door = door

    def app(self) -> Starlette:
        """The ASGI application to mount."""
        routes = [
            Route("/v2", self.server),
            # Otherwise BentoML's own start page answers here, which loads trackers from the internet.
            Route("/", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
        ]
        for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            routes += [
                Route(model, self.metadata),
                Route(f"{model}/ready", self.model_ready),
                Route(f"{model}/infer", self.infer, methods=["POST"]),
            ]
        handlers = dict.fromkeys((*_STATUS, HTTPException), _error_response)
        return Starlette(routes=routes, exception_handlers=handlers)

    async def server(self, _: Request) -> Response:
        """What this server is."""
        return JSONResponse({"name": "varsel", "version": _version(), "extensions": ["binary_tensor_data"]})

    async def live(self, _: Request) -> Response:
        """The event loop turns."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """200 when every champion can be run as demanded, else 503; what is wrong stands in the body either way."""
        faults = await anyio.to_thread.run_sync(self._opened.models.faults)
        told = [
            {"model": one.model, "alias": one.alias, "reason": one.reason, "serious": one.serious} for one in faults
        ]
        serious = [one.reason for one in faults if one.serious]
        if not serious:
            return JSONResponse({"ready": True, "faults": told})
        return JSONResponse({"ready": False, "error": "; ".join(serious), "faults": told}, status_code=503)

    async def metadata(self, request: Request) -> Response:
        """Name, version and tensors of a model."""
        served = await self._find(request)
        manifest = served.release.manifest
        return JSONResponse(
            {
                "name": manifest.name,
                "versions": [served.release.short_digest],
                "platform": "onnxruntime_onnx",
                "inputs": [_described(one) for one in served.inputs],
                "outputs": [_described(one) for one in served.outputs],
            }
        )

    async def model_ready(self, request: Request) -> Response:
        """200 when the model is loaded or could be just now."""
        served = await self._find(request)
        return JSONResponse({"name": served.release.manifest.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        """Tensors in, tensors out."""
        door = self._opened
        model, digest = request.path_params["model"], request.path_params.get("version", "")
        body = await read_body(request, door.maximum_bytes)
        length = request.headers.get(HEADER_LENGTH)
        return MessageResponse(await self._in_thread(lambda: door.infer(model, digest, body, length)))

    @property
    def _opened(self) -> Door:
        if self._door is None:
            raise HTTPException(503, "the models are being loaded; try again in a few seconds")
        return self._door

    @cached_property
    def _limiter(self) -> anyio.CapacityLimiter:
        # Its own threads: a queue of volumes must not keep health checks from being answered.
        return anyio.CapacityLimiter(_INFERENCE_THREADS)

    async def _find(self, request: Request) -> ServedModel:
        find, digest = self._opened.models.find, request.path_params.get("version", "")
        return await anyio.to_thread.run_sync(find, request.path_params["model"], digest)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)


def _version() -> str:
    try:
        return version("varsel")
    except PackageNotFoundError:
        return "not installed"


def _described(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _error_response(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    return JSONResponse({"error": str(error)}, status_code=status)
