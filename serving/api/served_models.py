"""The models that this process runs: which are loaded, which is meant, and whether all is well."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import structlog

from models.errors import ModelError, ProviderError, ReleaseError, RuntimeUnavailableError
from models.manifest import TensorSpec, VolumePreprocessing
from models.registry import ReleaseStore
from models.release import Release
from models.runtime import Runtime, Tensors

_log = structlog.get_logger(__name__)
CHAMPION = "champion"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that is wrong with a model."""

    #: Model name; empty when it concerns the whole process.
    model: str
    #: Alias that points to it.
    alias: str
    #: What, for operations.
    reason: str
    #: Whether patients are affected: readiness is red.
    serious: bool


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """One loaded release."""

    #: What it is.
    release: Release
    #: What runs it.
    runtime: Runtime
    #: One permit per inference that may run at once.
    turns: threading.BoundedSemaphore
    #: How long an inference waits for its turn.
    wait_seconds: float

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What an inference takes: the graph's inputs, but whole volumes where the graph takes windows of them."""
        return self._whole(self.release.manifest.inputs)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives, in the same sense."""
        return self._whole(self.release.manifest.outputs)

    def infer(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
        """The outputs for *inputs*, when it is this inference's turn.

        Raises:
            RuntimeFailedError: the model could not be run on this input.
            RuntimeUnavailableError: its turn did not come in time.
        """
        if not self.turns.acquire(timeout=self.wait_seconds):
            raise RuntimeUnavailableError(
                f"'{self.release.manifest.name}' was busy for {self.wait_seconds:g} s; try again, or raise concurrency"
            )
        try:
            return self.runtime.infer(inputs)
        finally:
            self.turns.release()

    def _whole(self, specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        if not isinstance(self.release.manifest.preprocessing, VolumePreprocessing):
            return specs
        return tuple(replace(spec, shape=(*spec.shape[:2], -1, -1, -1)) for spec in specs)


class ServedModels:
    """Every release that an alias points to, and others of the store on demand; any number of threads may ask."""

    def __init__(
        self,
        store: ReleaseStore,
        *,
        open_model: Callable[[Release], Runtime],
        check: Callable[[], None],
        concurrency: int = 1,
        wait_seconds: float = 120.0,
    ) -> None:
        """Serve the releases of *store*, each run by what *open_model* gives.

        *check* raises ProviderError when this process cannot run models as demanded, even when there are none.
        """
        self._store = store
        self._open_model = open_model
        self._check = check
        self._concurrency = concurrency
        self._wait_seconds = wait_seconds
        self._loaded: dict[str, Future[ServedModel]] = {}
        self._asked: set[str] = set()
        self._lock = threading.Lock()

    def load(self) -> None:
        """Load every release that an alias points to; what fails is logged and told by :meth:`faults`."""
        for fault in self.faults():
            _log.error(fault.reason, action="model_fault", model=fault.model, alias=fault.alias)

    def faults(self) -> tuple[Fault, ...]:
        """What is wrong now; looks at the aliases anew and loads what they point to."""
        found = [self._fault_of("", "", self._check)]
        try:
            pointers = self._store.aliases()
        except ModelError as error:
            return (Fault(model="", alias="", reason=str(error), serious=True),)
        for model, alias in sorted(pointers):
            found.append(self._fault_of(model, alias, partial(self._find, model, alias)))
        self._forget_all_but(set(pointers.values()))
        return tuple(fault for fault in found if fault is not None)

    def find(self, model: str, version: str = "") -> ServedModel:
        """The champion of *model*, or its release whose digest begins with *version*.

        Raises:
            RegistryError: there is no such model or version.
            ReleaseError: the release was altered.
            ProviderError: the demanded execution provider is not in use.
            RuntimeFailedError: the release cannot be loaded.
        """
        return self._served(self._store.open(model, version)) if version else self._find(model, CHAMPION)

    def champions(self) -> tuple[str, ...]:
        """The names of the models that have a champion."""
        return tuple(sorted(model for model, alias in self._store.aliases() if alias == CHAMPION))

    def close(self) -> None:
        """Let go of every model."""
        with self._lock:
            self._loaded.clear()

    def _find(self, model: str, alias: str) -> ServedModel:
        return self._served(self._store.resolve(model, alias))

    def _served(self, release: Release) -> ServedModel:
        """The loaded *release*; whoever asks first loads it, the others wait for that."""
        with self._lock:
            self._asked.add(release.digest)
            promise = self._loaded.get(release.digest)
            mine = promise is None
            if promise is None:
                promise = self._loaded[release.digest] = Future()
        if mine:
            self._fulfil(promise, release)
        return promise.result()

    def _fulfil(self, promise: "Future[ServedModel]", release: Release) -> None:
        try:
            promise.set_result(self._open(release))
        except ModelError as error:
            with self._lock:
                # The next one to ask tries again: a repaired release needs no restart.
                del self._loaded[release.digest]
            promise.set_exception(error)

    def _open(self, release: Release) -> ServedModel:
        runtime = self._open_model(release)
        runtime.warm_up()
        _log.info("A model is loaded", action="model_loaded", model=release.manifest.name, version=release.short_digest)
        return ServedModel(
            release=release,
            runtime=runtime,
            turns=threading.BoundedSemaphore(self._concurrency),
            wait_seconds=self._wait_seconds,
        )

    def _fault_of(self, model: str, alias: str, action: Callable[[], object]) -> Fault | None:
        try:
            action()
        except ModelError as error:
            # A challenger that cannot be loaded harms no patient; altered bytes and a missing GPU concern everybody.
            serious = alias in ("", CHAMPION) or isinstance(error, ReleaseError | ProviderError)
            return Fault(model=model, alias=alias, reason=str(error), serious=serious)
        return None

    def _forget_all_but(self, digests: set[str]) -> None:
        """Drop the releases that no alias points to; one that is running ends first, for its caller holds it.

        One that was asked for since the last look stays: cases pinned to it are still being analysed.
        """
        with self._lock:
            kept = digests | self._asked
            self._asked.clear()
            idle = [digest for digest, one in self._loaded.items() if digest not in kept and one.done()]
            for digest in idle:
                del self._loaded[digest]
