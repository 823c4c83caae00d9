"""Where a graph may be run."""

from enum import Enum


class ExecutionProvider(Enum):
    """ONNX Runtime's name of the hardware that runs a graph."""

    #: The processor.
    CPU = "CPUExecutionProvider"
    #: An NVIDIA GPU; needs the onnxruntime-gpu package.
    CUDA = "CUDAExecutionProvider"
