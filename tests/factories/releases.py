"""Tiny valid releases of every task, with graphs built by hand: no training, a few kilobytes, milliseconds to run."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dicom_io.codes import LUNG, Code
from models.folder_store import FolderStore
from models.manifest import (
    Aggregate,
    FeatureSpec,
    GuardDemand,
    InputLimits,
    Label,
    Manifest,
    Preprocessing,
    RadiographPreprocessing,
    StayPreprocessing,
    Task,
    TensorSpec,
    Text,
    VolumePreprocessing,
    dump_manifest,
)
from models.provenance import Provenance
from models.registry import LedgerRow
from models.release import Release

#: Rows and columns of the image model's input.
IMAGE_SIZE = (64, 64)
#: Window (z, y, x) of the volume model.
ROI = (8, 32, 32)
#: Columns of the stay model's input: name, code, aggregate, mean, weight of the log-odds.
FEATURES = (
    ("age_years", "birth_date", Aggregate.AGE_YEARS, 65.0, 0.02),
    ("temperature_max_24h", "temperature", Aggregate.MAX, 37.2, 1.0),
    ("urinary_catheter_hours", "urinary_catheter", Aggregate.DURATION_HOURS, 24.0, 0.01),
)
#: Log-odds of a stay about which nothing is known.
BASELINE = -2.0

_NAMES = {
    Task.IMAGE_CLASSIFICATION: "chest_xray_opacity",
    Task.VOLUME_SEGMENTATION: "ct_lung_nodule",
    Task.STAY_RISK: "infection_urinary",
}


def make_release(
    store_dir: Path,
    task: Task,
    *,
    name: str = "",
    version: str = "0.1.0",
    champion: bool = True,
    guard: GuardDemand | None = None,
) -> Release:
    """A release of *task* in the store at *store_dir*, made its champion unless told otherwise.

    The image model finds what is brighter than 0.6 in its smoothed input, the volume model every voxel brighter than
    0.7, the stay model weighs how far each feature is from its mean. Another *version* is another digest. With *guard*,
    another model is asked first.
    """
    name = name or _NAMES[task]
    store = FolderStore(store_dir)
    with tempfile.TemporaryDirectory() as staged:
        write_release(Path(staged), task, name=name, version=version, guard=guard)
        release = store.install(Path(staged))
    if champion:
        promote(store, release)
    return release


def promote(store: FolderStore, release: Release, alias: str = "champion") -> None:
    """Point *alias* of the release's model to *release*."""
    model = release.manifest.name
    row = LedgerRow(
        model=model,
        alias=alias,
        from_digest=store.aliases().get((model, alias), ""),
        to_digest=release.digest,
        actor="test",
        reason="made for a test",
        at="2026-01-01T00:00:00Z",
    )
    store.promote(row)


def write_release(directory: Path, task: Task, *, name: str, version: str, guard: GuardDemand | None = None) -> None:
    """The files of a release in *directory*, not yet in a store."""
    graph = _GRAPHS[task]()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests")
    onnx.checker.check_model(model)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    (directory / "model_card.md").write_text(f"# {name} {version}\n\nA test model.\n")
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}
    manifest = manifest_of(task, name, version, files)
    guarded = replace(manifest, limits=replace(manifest.limits, guard=guard))
    (directory / "manifest.json").write_bytes(dump_manifest(guarded))


def manifest_of(task: Task, name: str, version: str, files: dict[str, str]) -> Manifest:
    """The manifest of a test release."""
    inputs, outputs = _TENSORS[task]
    return Manifest(
        name=name,
        version=version,
        task=task,
        intended_use=Text(en="Tests only.", da="Kun til test."),
        trained_on=Text(en="Not trained.", da="Ikke trænet."),
        demonstration=True,
        inputs=inputs,
        outputs=outputs,
        preprocessing=_PREPROCESSING[task],
        limits=_LIMITS[task],
        labels=(_LABELS[task],),
        provenance=Provenance(run_id="test", data_sha256="0" * 64, seed=0, created_at="2026-01-01T00:00:00Z"),
        files=files,
    )


def _image_graph() -> onnx.GraphProto:
    rows, columns = IMAGE_SIZE
    nodes = [
        helper.make_node("AveragePool", ["image"], ["activation"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("GlobalMaxPool", ["activation"], ["peak"]),
        helper.make_node("Flatten", ["peak"], ["score"], axis=1),
        *_sigmoid_of("score", slope=20.0, middle=0.6),
    ]
    return helper.make_graph(
        nodes,
        "image",
        [_value("image", ["n", 1, rows, columns])],
        [_value("probability", ["n", 1]), _value("activation", ["n", 1, rows // 8, columns // 8])],
        _sigmoid_constants(slope=20.0, middle=0.6),
    )


def _volume_graph() -> onnx.GraphProto:
    sizes = ("n", 1, "z", "y", "x")
    return helper.make_graph(
        _sigmoid_of("image", slope=40.0, middle=0.7),
        "volume",
        [_value("image", sizes)],
        [_value("probability", sizes)],
        _sigmoid_constants(slope=40.0, middle=0.7),
    )


def _stay_graph() -> onnx.GraphProto:
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Sub", ["features", "means"], ["distance"]),
        helper.make_node("Mul", ["distance", "weights"], ["weighed"]),
        helper.make_node("Where", ["missing", "zero", "weighed"], ["contributions"]),
        helper.make_node("ReduceSum", ["contributions", "axis"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "start"], ["baseline"]),
        helper.make_node("Add", ["sum", "baseline"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    constants = {
        "means": np.array([feature[3] for feature in FEATURES], np.float32),
        "weights": np.array([feature[4] for feature in FEATURES], np.float32),
        "zero": np.float32(0),
        "start": np.float32(BASELINE),
        "axis": np.array([1], np.int64),
    }
    wide, narrow = ("n", len(FEATURES)), ("n", 1)
    return helper.make_graph(
        nodes,
        "stay",
        [_value("features", wide)],
        [_value("probability", narrow), _value("contributions", wide), _value("baseline", narrow)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )


def _sigmoid_of(source: str, *, slope: float, middle: float) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Sub", [source, "middle"], ["above"]),
        helper.make_node("Mul", ["above", "slope"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]


def _sigmoid_constants(*, slope: float, middle: float) -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(np.asarray(np.float32(slope)), "slope"),
        numpy_helper.from_array(np.asarray(np.float32(middle)), "middle"),
    ]


def _value(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _tensor(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, datatype="FP32", shape=shape)


_GRAPHS = {
    Task.IMAGE_CLASSIFICATION: _image_graph,
    Task.VOLUME_SEGMENTATION: _volume_graph,
    Task.STAY_RISK: _stay_graph,
}
_TENSORS = {
    Task.IMAGE_CLASSIFICATION: (
        (_tensor("image", -1, 1, *IMAGE_SIZE),),
        (_tensor("probability", -1, 1), _tensor("activation", -1, 1, IMAGE_SIZE[0] // 8, IMAGE_SIZE[1] // 8)),
    ),
    Task.VOLUME_SEGMENTATION: (
        # As training exports it: the graph takes windows, and whoever serves it whole volumes.
        (_tensor("image", -1, 1, *ROI),),
        (_tensor("probability", -1, 1, *ROI),),
    ),
    Task.STAY_RISK: (
        (_tensor("features", -1, len(FEATURES)),),
        (_tensor("probability", -1, 1), _tensor("contributions", -1, len(FEATURES)), _tensor("baseline", -1, 1)),
    ),
}
_PREPROCESSING: dict[Task, Preprocessing] = {
    Task.IMAGE_CLASSIFICATION: RadiographPreprocessing(size_px=IMAGE_SIZE),
    Task.VOLUME_SEGMENTATION: VolumePreprocessing(
        spacing_mm=(2.0, 1.5, 1.5), window_hu=(-1000.0, 400.0), roi=ROI, overlap=0.25
    ),
    Task.STAY_RISK: StayPreprocessing(
        features=tuple(
            FeatureSpec(name=name, code=code, aggregate=aggregate, text=Text(en=name, da=name))
            for name, code, aggregate, *_ in FEATURES
        ),
        horizon_hours=48,
    ),
}
_LIMITS = {
    Task.IMAGE_CLASSIFICATION: InputLimits(modalities=("CR", "DX"), minimum_size_px=32),
    Task.VOLUME_SEGMENTATION: InputLimits(modalities=("CT",), minimum_slices=4, maximum_slice_spacing_mm=5),
    Task.STAY_RISK: InputLimits(age_years=(18, 130)),
}
_LABELS = {
    Task.IMAGE_CLASSIFICATION: Label(
        key="opacity",
        text=Text(en="Opacity", da="Fortætning"),
        concept=Code(value="opacity", scheme="99VARSEL", meaning="Opacity"),
        site=LUNG,
        threshold=0.5,
    ),
    Task.VOLUME_SEGMENTATION: Label(
        key="nodule",
        text=Text(en="Nodule", da="Nodulus"),
        concept=Code(value="27925004", scheme="SCT", meaning="Nodule"),
        site=LUNG,
        threshold=0.5,
        minimum_volume_mm3=20,
    ),
    Task.STAY_RISK: Label(
        key="urinary_tract_infection",
        text=Text(en="Urinary tract infection", da="Urinvejsinfektion"),
        concept=Code(value="68566005", scheme="SCT", meaning="Urinary tract infection"),
        threshold=0.2,
    ),
}
