"""A release as an MLflow model: ``mlflow.onnx.load_model("models:/<name>@champion")`` works for a data scientist."""

from pathlib import Path

import numpy as np
import onnx
from mlflow.models.signature import ModelSignature
from mlflow.onnx import save_model
from mlflow.types.schema import Schema, TensorSpec

from models.manifest import TensorSpec as GraphTensor
from models.release import Release


def write_mlflow_model(release: Release, directory: Path) -> None:
    """Write the MLflow model of *release* to the new *directory*."""
    save_model(
        onnx.load(release.graph_path),
        str(directory),
        signature=ModelSignature(
            inputs=_schema(release.manifest.inputs),
            outputs=_schema(release.manifest.outputs),
        ),
        # Given, since MLflow would otherwise load the model in another process to find out.
        pip_requirements=["onnx", "onnxruntime"],
        save_as_external_data=False,
        metadata={"varsel_digest": release.digest, "demonstration": release.manifest.demonstration},
    )


def _schema(tensors: tuple[GraphTensor, ...]) -> Schema:
    return Schema([TensorSpec(np.dtype(np.float32), tensor.shape, name=tensor.name) for tensor in tensors])
