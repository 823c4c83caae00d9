"""Runs a release in this process with ONNX Runtime."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as vendor

from models.datatypes import NUMPY_TYPES, Datatype, check_inputs
from models.errors import ProviderError, ReleaseError, RuntimeFailedError
from models.manifest import TensorSpec, VolumePreprocessing
from models.provider import ExecutionProvider
from models.release import Release
from models.runtime import Runtime, Tensors
from models.sliding_window import SlidingWindowRuntime, Windows

#: ONNX Runtime's type names -> Open Inference Protocol datatypes.
_DATATYPES: dict[str, Datatype] = {
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(bool)": "BOOL",
}

#: ONNX Runtime's exceptions have no base class of their own.
VENDOR_ERRORS: tuple[type[Exception], ...] = (
    vendor.DeviceReset,
    vendor.EPFail,
    vendor.EngineError,
    vendor.Fail,
    vendor.InvalidArgument,
    vendor.InvalidGraph,
    vendor.InvalidProtobuf,
    vendor.ModelLoadCanceled,
    vendor.ModelLoaded,
    vendor.ModelRequiresCompilation,
    vendor.NoModel,
    vendor.NoSuchFile,
    vendor.NotFound,
    vendor.NotImplemented,
    vendor.RuntimeException,
)

#: The default, EXHAUSTIVE, searches for seconds at every new shape of a 3D convolution.
_PROVIDER_OPTIONS = {
    ExecutionProvider.CPU: {},
    ExecutionProvider.CUDA: {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    },
}


class OnnxRuntime:
    """Runs one ONNX graph; any number of threads may call it at once."""

    def __init__(self, graph: Path, *, provider: ExecutionProvider = ExecutionProvider.CPU, threads: int = 1) -> None:
        """Load *graph* onto *provider* with *threads* threads for one inference, 0 = one per usable core.

        Raises:
            ProviderError: *provider* is not there; ONNX Runtime alone would fall back to the CPU without a word.
            RuntimeFailedError: *graph* cannot be loaded.
        """
        demand_provider(provider)
        with _translated(f"'{graph}' cannot be loaded"), _fallback_is_our_error():
            session = onnxruntime.InferenceSession(
                graph, _session_options(threads), providers=[(provider.value, _PROVIDER_OPTIONS[provider])]
            )
        active = session.get_providers()[0]
        if active != provider.value:
            raise ProviderError(
                f"'{provider.value}' was demanded, '{active}' is in use; "
                "see that the driver and its libraries load, or demand the other provider in the settings"
            )
        self._session = session
        #: The provider in use.
        self.provider = provider
        #: What the graph takes and gives, in order.
        self.inputs = _specs_of(session.get_inputs())
        self.outputs = _specs_of(session.get_outputs())

    def infer(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
        """The graph's outputs by name for *inputs* by name.

        Raises:
            UnfitInputError: a name, shape or datatype is not the graph's.
            RuntimeFailedError: the graph failed.
        """
        check_inputs(inputs, self.inputs)
        names = [spec.name for spec in self.outputs]
        with _translated("the graph failed"):
            return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))

    def warm_up(self) -> None:
        """Run once on zeros, with 1 for every free size."""
        self.infer({spec.name: _zeros(spec) for spec in self.inputs})

    def close(self) -> None:
        """Nothing to do: ONNX Runtime frees the graph with the last reference to it."""


def open_runtime(release: Release, *, provider: ExecutionProvider = ExecutionProvider.CPU, threads: int = 1) -> Runtime:
    """The runtime for *release* in this process; a volume model takes whole volumes and windows them itself.

    Raises:
        ProviderError: *provider* is not the one in use.
        ReleaseError: the graph's tensors are not those of the manifest.
        RuntimeFailedError: the graph cannot be loaded.
    """
    runtime = OnnxRuntime(release.graph_path, provider=provider, threads=threads)
    _check_against_manifest(runtime, release)
    manifest, preprocessing = release.manifest, release.manifest.preprocessing
    if not isinstance(preprocessing, VolumePreprocessing):
        return runtime
    # Windows side by side fill a GPU; on a CPU they only cost memory.
    per_run = 4 if provider is ExecutionProvider.CUDA else 1
    return SlidingWindowRuntime(
        runtime,
        windows=Windows(roi=preprocessing.roi, overlap=preprocessing.overlap, per_run=per_run),
        labels=len(manifest.labels),
        tensors=(manifest.inputs[0].name, manifest.outputs[0].name),
    )


def demand_provider(provider: ExecutionProvider) -> None:
    """See that the installed ONNX Runtime has *provider* at all.

    Raises:
        ProviderError: it has not.
    """
    available = onnxruntime.get_available_providers()
    if provider.value not in available:
        raise ProviderError(
            f"'{provider.value}' was demanded, the installed onnxruntime {onnxruntime.__version__} has only "
            f"{', '.join(available)}; install onnxruntime-gpu for CUDA, or demand {ExecutionProvider.CPU.value}"
        )


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    # 0 would mean one thread a physical core, pinned, whatever the container allows.
    options.intra_op_num_threads = threads or _usable_cores()
    options.inter_op_num_threads = 1
    # Spinning threads burn whole cores between studies and starve the neighbours.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _usable_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _specs_of(arguments: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    return tuple(_spec_of(argument) for argument in arguments)


def _spec_of(argument: onnxruntime.NodeArg) -> TensorSpec:
    datatype = _DATATYPES.get(argument.type)
    if datatype is None:
        raise RuntimeFailedError(
            f"the graph's tensor '{argument.name}' is {argument.type}; required is one of {', '.join(_DATATYPES)}"
        )
    shape = tuple(size if isinstance(size, int) else -1 for size in argument.shape)
    return TensorSpec(name=argument.name, datatype=datatype, shape=shape)


def _zeros(spec: TensorSpec) -> npt.NDArray[np.generic]:
    return np.zeros([max(size, 1) for size in spec.shape], NUMPY_TYPES[spec.datatype])


def _check_against_manifest(runtime: OnnxRuntime, release: Release) -> None:
    manifest = release.manifest
    pairs = [("inputs", runtime.inputs, manifest.inputs), ("outputs", runtime.outputs, manifest.outputs)]
    for side, found, stated in pairs:
        if not _agree(found, stated):
            raise ReleaseError(
                f"'{release.path}' has a graph with {side} {_text(found)}, its manifest says {_text(stated)}; "
                "package the release again"
            )


def _agree(found: tuple[TensorSpec, ...], stated: tuple[TensorSpec, ...]) -> bool:
    """Names, datatypes and ranks agree, and sizes wherever both state one."""
    return len(found) == len(stated) and all(
        (one.name, one.datatype, len(one.shape)) == (other.name, other.datatype, len(other.shape))
        and all(a == b or -1 in (a, b) for a, b in zip(one.shape, other.shape, strict=True))
        for one, other in zip(found, stated, strict=True)
    )


def _text(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.name} {spec.datatype} {list(spec.shape)}" for spec in specs)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except VENDOR_ERRORS as error:
        # The first line only: the rest is ONNX Runtime's own source positions.
        reason = str(error).strip().splitlines()[0]
        raise RuntimeFailedError(f"{what}: {reason}; check the release's parity evidence") from error


@contextmanager
def _fallback_is_our_error() -> Iterator[None]:
    """Keep ONNX Runtime's warning of a fallback quiet: the caller checks the provider in use and raises."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*ExecutionProvider.*", category=UserWarning)
        yield
