"""From phantoms to a registered release: the whole training line, on data small enough for seconds."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from evaluation.decision import Candidacy, Gate
from evaluation.gate import judge
from models.bundle import find_bundle
from models.errors import RegistryError
from models.folder_store import FolderStore
from models.mlflow_registry import MlflowRegistry, mlflow_client
from models.registry import Alias
from tests.factories.lines import Line, make_line
from tests.factories.mlflow_database import fresh_mlflow
from tests.integration.mlflow_pages import mlflow_pages
from training.errors import DataError, PackageError, RunError
from training.export import export_run
from training.package import package_run
from training.register import register
from training.run import train_bundle
from training.synthetic import prepare_synthetic
from training.tracking import Tracker

pytestmark = [
    # ignite, MONAI, MLflow and torch's exporter warn of their own internals while they train and log.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
]

#: Whether the page shows the artifact of that name as a picture with something on it.
_PICTURE = "name => [...document.images].some(one => one.alt === name && one.naturalWidth > 300)"
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """Of the bundle that is trained and exported fastest; test_every_bundle has them all."""
    return make_line("infection_urinary", tmp_path_factory.mktemp("infection_urinary"))


def test_the_same_run_packaged_twice_is_the_same_release(line: Line, tmp_path: Path):
    again = package_run(line.trained.run_id, line.tracker, FolderStore(tmp_path))
    assert again.digest == line.release.digest


def test_the_run_tells_what_made_it(line: Line):
    run = line.tracker.find(line.trained.run_id)
    assert run.status == "FINISHED"
    assert run.tags["varsel.data_sha256"] == line.data.sha256 == line.release.manifest.provenance.data_sha256
    assert run.tags["varsel.parity"] == "passed"
    assert {"train_loss", "samples_per_second", "training_seconds"} <= set(run.metrics)
    assert any(name.startswith("test_") for name in run.metrics)
    assert len(line.tracker.history(line.trained.run_id, "train_loss")) == line.trained.epochs


def test_the_run_keeps_weights_bundle_config_and_pictures(line: Line, tmp_path: Path):
    for folder in (
        "checkpoint/model.pt",
        "bundle/configs",
        "config/train_resolved.json",
        "pictures/learning_curve.png",
    ):
        parent, _, name = folder.rpartition("/")
        assert (line.tracker.fetch(line.trained.run_id, parent, tmp_path) / name).exists()
    resolved = json.loads((tmp_path / "config" / "train_resolved.json").read_text(encoding="utf-8"))
    assert resolved["max_epochs"] == line.trained.epochs


def test_a_barely_trained_model_is_not_promoted_and_the_reasons_are_data(line: Line):
    decision = judge(Candidacy(release=line.release, alias=Alias.CHAMPION, approver="somebody else"))
    assert not decision.allowed
    assert all("is demanded, found" in reason for reason in decision.reasons)
    refused = {gate.gate for gate in decision.gates if not gate.met}
    # A checkout with changes is refused too: the tests also run in one.
    assert Gate.FLOORS in refused
    assert refused <= {Gate.FLOORS, Gate.CALIBRATION, Gate.REPRODUCIBLE}


def test_a_registered_release_is_found_and_pulled_by_its_alias(line: Line, tmp_path: Path):
    registry = MlflowRegistry(line.tracker.uri)
    registered = register(line.release, line.tracker, registry)
    assert register(line.release, line.tracker, registry) == registered
    with pytest.raises(RegistryError, match="no alias 'champion'"):
        registry.find(line.release.manifest.name, "champion")
    registry.set_alias(line.release.manifest.name, line.release.digest, "champion")
    pulled = registry.pull(line.release.manifest.name, "champion", FolderStore(tmp_path))
    assert pulled.digest == line.release.digest
    with pytest.raises(RegistryError, match="register it first"):
        registry.set_alias(line.release.manifest.name, "0" * 64, "champion")


def test_a_data_scientist_loads_the_champion_with_mlflow_alone(line: Line):
    from mlflow.onnx import load_model  # noqa: PLC0415  # seconds to import

    registered = register(line.release, line.tracker, MlflowRegistry(line.tracker.uri))
    model = load_model(registered.source)
    assert [one.name for one in model.graph.input] == ["features"]


def test_mlflows_own_pages_show_the_run_its_pictures_and_the_model(line: Line, browser: Browser):
    """MLflow's server and Chromium, over what Varsel wrote; the pages ask nobody outside for anything they need."""
    registered = register(line.release, line.tracker, MlflowRegistry(line.tracker.uri))
    run_id = line.trained.run_id
    experiment = mlflow_client(line.tracker.uri).get_run(run_id).info.experiment_id
    run = f"experiments/{experiment}/runs/{run_id}"
    with mlflow_pages(line.tracker.uri) as address:
        page = browser.new_page()
        page.route(lambda asked: not asked.startswith((address, "blob:", "data:")), lambda route: route.abort())
        page.goto(f"{address}/#/{run}")
        expect(page.get_by_text(f"{line.release.manifest.name} {line.release.manifest.version}").first).to_be_visible()
        expect(page.get_by_text("varsel.release").first).to_be_visible()
        page.goto(f"{address}/#/{run}/model-metrics")
        expect(page.get_by_text("samples_per_second").first).to_be_visible()
        page.goto(f"{address}/#/{run}/artifacts/pictures/learning_curve.png")
        page.wait_for_function(_PICTURE, arg="pictures/learning_curve.png")
        page.goto(f"{address}/#/models/{registered.model}/versions/{registered.version}")
        expect(page.get_by_text(line.release.digest).first).to_be_visible()
        page.close()


def test_other_data_than_the_runs_own_are_refused(line: Line, tmp_path: Path):
    bundle = find_bundle(line.trained.bundle)
    other = prepare_synthetic(bundle, tmp_path / "other", 60, seed=2)
    with pytest.raises(DataError, match="the run was trained on"):
        export_run(line.trained.run_id, other, line.tracker)


def test_an_unknown_run_is_named(line: Line):
    with pytest.raises(RunError, match="'nonsense' is no run"):
        export_run("nonsense", line.data, line.tracker)


def test_a_graph_that_failed_parity_becomes_no_release(line: Line, tmp_path: Path):
    exported = line.tracker.fetch(line.trained.run_id, "export", tmp_path)
    parity = json.loads((exported / "parity.json").read_bytes())
    parity["tensors"][0]["tolerance_used"] = 3.0
    (tmp_path / "parity.json").write_text(json.dumps(parity), encoding="utf-8")
    spoiled = Tracker(fresh_mlflow(tmp_path))
    run = line.tracker.find(line.trained.run_id)
    run_id = spoiled.start("spoiled", {}, {k: v for k, v in run.tags.items() if k.startswith("varsel.")})
    for folder in ("bundle", "export", "data"):
        spoiled.keep(run_id, line.tracker.fetch(line.trained.run_id, folder, tmp_path / "copy"), folder)
    spoiled.keep(run_id, tmp_path / "parity.json", "export")
    with pytest.raises(PackageError, match="differs from its network"):
        package_run(run_id, spoiled, line.store)


def test_one_seed_trains_to_equal_metrics(tmp_path: Path):
    bundle = find_bundle("chest_xray_opacity")
    data = prepare_synthetic(bundle, tmp_path / "data", 20)
    tracker = Tracker(fresh_mlflow(tmp_path))
    first, second = (train_bundle(bundle, data, tracker, overrides={"max_epochs": 1}) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.run_id != second.run_id


def test_data_of_another_bundle_are_refused(tmp_path: Path):
    data = prepare_synthetic(find_bundle("chest_xray_opacity"), tmp_path / "data", 7)
    with pytest.raises(DataError, match="was prepared for 'chest_xray_opacity'"):
        train_bundle(find_bundle("ct_lung_nodule"), data, Tracker(fresh_mlflow(tmp_path)))
