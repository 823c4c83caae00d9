"""What a hospital's bad day does: services down, destinations away, libraries not there."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from factories.dicom import write
from peers import free_ports
from running_site import running_site
from sqlalchemy import func, select
from test_imaging_line import chest, send

from dicom_io.receive.archive import EmbeddedArchive
from dicom_io.receive.store_scp import StoreScpSettings
from serving.records.database import reading
from serving.records.schema import INSTANCE


def test_a_study_waits_for_the_model_service_and_the_archive_and_arrives_once(tmp_path: Path):
    (pacs_port,) = free_ports(1)
    image = chest("waits")
    with running_site(tmp_path / "site", pacs_port=pacs_port, start=("receive", "work"), maximum_attempts=200) as site:
        send(site, [image], tmp_path / "sent")
        site.wait(lambda: [one.state for one in site.items()] == ["waiting"], "the case waits for the service", 30)
        (waiting,) = site.items()
        assert waiting.reason_code == "RuntimeUnavailableError"

        site.start("api")
        site.wait(lambda: [one.state for one in site.deliveries()] == ["waiting"], "the delivery waits", 60)
        assert "127.0.0.1" in site.deliveries()[0].reason

        archive = EmbeddedArchive(StoreScpSettings(port=pacs_port, ae_title="TESTPACS"), tmp_path / "archive")
        archive.start()
        item = site.item_of(image.StudyInstanceUID)
        held = archive.list_study(image.StudyInstanceUID)
        archive.stop()

    assert (item.state, item.outcome) == ("done", "finding")
    assert sorted(header.modality for header in held) == ["OT", "SR"]


def test_an_object_is_refused_while_the_disk_is_full_and_nothing_is_half_written(tmp_path: Path):
    (pacs_port,) = free_ports(1)
    full = {"VARSEL_RECEIVE__MINIMUM_FREE_MIB": "900000000"}
    with running_site(tmp_path / "site", pacs_port=pacs_port, start=("receive",), environment=full) as site:
        # storescu tells the class of the DIMSE status in its exit code: 0xA7 of A700.
        with pytest.raises(AssertionError, match=r"assert 167 == 0"):
            send(site, [chest("full")], tmp_path / "sent")
        spooled = [path for path in (site.directory / "data" / "spool").rglob("*") if path.is_file()]

    assert spooled == []


def test_stock_triton_clients_infer_on_every_served_model(tmp_path: Path):
    (pacs_port,) = free_ports(1)
    with running_site(tmp_path / "site", pacs_port=pacs_port, start=("api",)) as site:
        client = triton.InferenceServerClient(f"127.0.0.1:{site.ports['api']}")
        assert client.is_server_ready()
        answers = {}
        for model in ("chest_xray_opacity", "ct_lung_nodule", "infection_urinary"):
            assert client.is_model_ready(model)
            (wanted,) = client.get_model_metadata(model)["inputs"]
            shape = [size if size > 0 else 16 for size in wanted["shape"]]
            shape[0] = 1
            tensor = triton.InferInput(wanted["name"], shape, wanted["datatype"])
            tensor.set_data_from_numpy(np.zeros(shape, dtype=np.float32), binary_data=True)
            answers[model] = client.infer(model, [tensor]).as_numpy("probability")
        client.close()

    assert all(np.isfinite(answer).all() for answer in answers.values())


@pytest.mark.parametrize("process", ["receive", "work", "api", "web"])
def test_no_serving_process_needs_a_training_library(process: str, tmp_path: Path):
    """torch, monai and mlflow are blocked from import; the process must come up all the same."""
    blocker = tmp_path / "blocked"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import sys

        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"torch", "monai", "mlflow"}:
                    raise ImportError(f"{name} is blocked")

        sys.meta_path.insert(0, Blocked())
        """)
    )
    refused = subprocess.run(
        [sys.executable, "-c", "import torch"], env={"PYTHONPATH": str(blocker)}, capture_output=True, check=False
    )
    assert b"torch is blocked" in refused.stderr
    (pacs_port,) = free_ports(1)

    with running_site(
        tmp_path / "site", pacs_port=pacs_port, start=(process,), environment={"PYTHONPATH": str(blocker)}
    ) as site:
        assert site.processes[process].poll() is None


def test_the_same_study_from_two_senders_at_once_is_one_case(tmp_path: Path):
    (pacs_port,) = free_ports(1)
    (path,) = write([chest("both")], tmp_path / "sent")
    with running_site(tmp_path / "site", pacs_port=pacs_port, start=("receive",)) as site:
        command = ["storescu", "-R", "-aec", "VARSEL", "127.0.0.1", str(site.ports["receive"]), str(path)]
        senders = [subprocess.Popen(command) for _ in range(4)]
        codes = [sender.wait(60) for sender in senders]
        with reading(site.engine) as connection:
            kept = connection.scalar(select(func.count()).select_from(INSTANCE))

    assert codes == [0, 0, 0, 0]
    assert kept == 1
