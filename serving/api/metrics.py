"""What the model service counts; BentoML shows it on ``/metrics`` beside its own figures."""

from enum import Enum

from prometheus_client import REGISTRY, CollectorRegistry, Histogram

#: Seconds; from a stay model (1 ms) to a large CT on a CPU (minutes).
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Outcome(Enum):
    """How an inference ended."""

    #: Answered.
    OK = "ok"
    #: The request was at fault.
    REFUSED = "refused"
    #: The model could not be found, loaded or run.
    FAILED = "failed"
    #: The model was busy for too long.
    BUSY = "busy"


class InferenceMetrics:
    """Duration and outcome of every inference."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register with *registry*, once a process and only where BentoML has set its multiprocess directory."""
        self._seconds = Histogram(
            "varsel_inference_seconds",
            "Time from the parsed request to the outputs of the model, waiting for its turn included",
            ["model", "outcome"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def observe(self, model: str, outcome: Outcome, seconds: float) -> None:
        """Count one inference of *model*, a name that is in the store: names from URLs would have no bound."""
        self._seconds.labels(model=model, outcome=outcome.value).observe(seconds)
