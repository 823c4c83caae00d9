"""From the bytes of an inference request to the bytes of its answer; all of it runs outside the event loop."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.datatypes import check_inputs
from models.errors import RuntimeUnavailableError, UnfitInputError
from serving.api.errors import MalformedMessageError
from serving.api.inference_protocol import Message, read_request, write_response
from serving.api.metrics import InferenceMetrics, Outcome
from serving.api.served_models import ServedModels


@dataclass(frozen=True, kw_only=True)
class Door:
    """What the routes and the typed calls need."""

    #: What is served.
    models: ServedModels
    #: Where it is counted.
    metrics: InferenceMetrics
    #: Larger bodies are refused.
    maximum_bytes: int

    def infer(self, model: str, version: str, body: memoryview, header_length: str | None) -> Message:
        """Answer the request in *body* with the champion of *model*, or its release *version*.

        Raises:
            MalformedMessageError: *body* does not follow the protocol, or wants an output that there is not.
            UnfitInputError: its tensors are not what the model takes.
            ModelError: the model could not be found, loaded or run.
        """
        served = self.models.find(model, version)
        with self.timed(model):
            request = read_request(body, header_length)
            check_inputs(request.inputs, served.inputs)
            outputs = served.infer(request.inputs)
            return write_response(request, outputs, model=model, version=served.release.short_digest)

    @contextmanager
    def timed(self, model: str) -> Iterator[None]:
        """Count what happens inside as one inference of *model*."""
        started = time.perf_counter()
        outcome = Outcome.FAILED
        try:
            yield
            outcome = Outcome.OK
        except (MalformedMessageError, UnfitInputError):
            outcome = Outcome.REFUSED
            raise
        except RuntimeUnavailableError:
            outcome = Outcome.BUSY
            raise
        finally:
            self.metrics.observe(model, outcome, time.perf_counter() - started)
