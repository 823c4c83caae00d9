"""The imaging line with real peers: DCMTK sends, Varsel reads, Orthanc receives."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from factories.dicom import cr_image, ct_series, write
from factories.dicom_pixels import enhanced_of
from peers import OrthancPeer, find_program, run_dcmtk, start_orthanc
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from running_site import RunningSite, running_site

PATIENT_ID, PATIENT_NAME = "MARKED-4711", "Mærket^Patientsen"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    peer = start_orthanc(tmp_path_factory.mktemp("orthanc"))
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def site(orthanc: OrthancPeer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    pacs = {"name": "pacs", "host": "127.0.0.1", "port": orthanc.dicom_port, "ae_title": orthanc.ae_title}
    told = {"VARSEL_DESTINATIONS": json.dumps([pacs | {"storage_commitment": True}])}
    with running_site(tmp_path_factory.mktemp("site"), pacs_port=orthanc.dicom_port, environment=told) as running:
        # Orthanc brings its report on storage commitment to our DICOM node.
        ours = {"AET": "VARSEL", "Host": "127.0.0.1", "Port": int(running.ports["receive"])}
        orthanc.rest.put("/modalities/varsel", json=ours | {"AllowStorageCommitment": True}).raise_for_status()
        yield running


def chest(study: str, *, bright: bool = True, name: str = PATIENT_NAME) -> Dataset:
    """A radiograph with a bright square, or an even one; the tiny model finds what is bright."""
    pixels = np.full((256, 256), 400, dtype=np.uint16)
    pixels[::2] = 500
    if bright:
        pixels[64:112, 128:176] = 4000
    image = cr_image(pixels, study=study, patient_id=PATIENT_ID)
    image.SpecificCharacterSet = "ISO_IR 100"
    image.PatientName = name
    return image


def nodule_series(study: str) -> list[Dataset]:
    """Twelve slices of air with a dense block."""
    datasets = ct_series(12, size=(64, 64), spacing_mm=(2.0, 1.5, 1.5), study=study, series=f"{study}-ct")
    for number, dataset in enumerate(datasets):
        hounsfield = np.full((64, 64), -900.0)
        if 4 <= number < 8:
            hounsfield[24:36, 30:42] = 300
        stored = (hounsfield - float(dataset.RescaleIntercept)) / float(dataset.RescaleSlope)
        dataset.PixelData = stored.astype(np.int16 if dataset.PixelRepresentation else np.uint16).tobytes()
    return datasets


def send(site: RunningSite, datasets: list[Dataset], directory: Path) -> None:
    forward(site, datasets, directory, "storescu", "-R")


def forward(site: RunningSite, datasets: list[Dataset], directory: Path, program: str, *options: str) -> None:
    paths = write(datasets, directory)
    done = run_dcmtk(program, [*options, "-aec", "VARSEL", "127.0.0.1", site.ports["receive"], *paths])
    assert done.returncode == 0, done.stderr


def in_orthanc(orthanc: OrthancPeer, study_uid: str) -> list[Dataset]:
    """What Orthanc holds of a study."""
    wanted = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}}
    found = orthanc.rest.post("/tools/find", json=wanted).raise_for_status().json()
    files = [orthanc.rest.get(f"/instances/{one}/file").raise_for_status().content for one in found]
    return [dcmread(DicomBytesIO(file)) for file in files]


def validated(dataset: Dataset, directory: Path) -> list[str]:
    program = find_program("dciodvfy", "apt-get install dicom3tools")
    path = directory / f"{dataset.Modality}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    done = subprocess.run([program, "-new", path], capture_output=True, check=False, timeout=60)
    told = (done.stdout + done.stderr).decode(errors="replace")
    return [line for line in told.splitlines() if line.startswith("Error")]


def test_a_chest_radiograph_comes_back_with_its_finding(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    image = chest("chest-1")
    send(site, [image], tmp_path / "sent")

    item = site.item_of(image.StudyInstanceUID)

    assert (item.state, item.outcome) == ("done", "finding")
    results = {one.Modality: one for one in in_orthanc(orthanc, image.StudyInstanceUID)}
    assert set(results) == {"SR", "OT"}
    for result in results.values():
        assert result.StudyInstanceUID == image.StudyInstanceUID
        assert (result.PatientID, str(result.PatientName)) == (PATIENT_ID, PATIENT_NAME)
        assert validated(result, tmp_path) == []
    told = results["SR"].to_json()
    assert item.model in told
    assert item.model_version in told
    assert item.release_digest in told


def test_a_ct_comes_back_with_its_nodule_segmented(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    series = nodule_series("ct-1")
    send(site, series, tmp_path / "sent")

    item = site.item_of(series[0].StudyInstanceUID)

    assert (item.state, item.outcome) == ("done", "finding")
    results = {one.Modality: one for one in in_orthanc(orthanc, series[0].StudyInstanceUID)}
    assert set(results) == {"SR", "SEG", "OT"}
    assert [validated(one, tmp_path) for one in results.values()] == [[], [], []]


def test_an_enhanced_ct_comes_back_with_the_same_nodule(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    series = nodule_series("ct-enhanced")
    order = (*range(11, 5, -1), *range(6))
    enhanced = enhanced_of(series, order)
    send(site, [enhanced], tmp_path / "sent")

    item = site.item_of(enhanced.StudyInstanceUID)

    assert (item.state, item.outcome) == ("done", "finding")
    results = {one.Modality: one for one in in_orthanc(orthanc, enhanced.StudyInstanceUID) if one.Modality != "CT"}
    assert [validated(one, tmp_path) for one in results.values()] == [[], [], []]
    told = [frame.DerivationImageSequence[0] for frame in results["SEG"].PerFrameFunctionalGroupsSequence]
    frames = [one.SourceImageSequence[0].ReferencedFrameNumber for one in told]
    # The block lies in the slices 4 to 7.
    assert sorted(frames) == sorted(1 + order.index(number) for number in (4, 5, 6, 7))


def test_no_finding_is_said(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    image = chest("chest-empty", bright=False)
    send(site, [image], tmp_path / "sent")

    assert site.item_of(image.StudyInstanceUID).outcome == "no_finding"

    (report,) = in_orthanc(orthanc, image.StudyInstanceUID)
    assert "Analysed, no finding" in report.to_json()


def test_a_second_send_of_the_same_study_adds_nothing(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    image = chest("chest-twice")
    send(site, [image], tmp_path / "sent")
    first = site.item_of(image.StudyInstanceUID)
    before = {one.SOPInstanceUID for one in in_orthanc(orthanc, image.StudyInstanceUID)}

    send(site, [image], tmp_path / "again")
    after_it = chest("chest-after-twice")
    send(site, [after_it], tmp_path / "after")
    site.item_of(after_it.StudyInstanceUID)

    assert site.item_of(image.StudyInstanceUID) == first
    assert {one.SOPInstanceUID for one in in_orthanc(orthanc, image.StudyInstanceUID)} == before


def test_our_own_results_sent_back_to_us_start_nothing(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    image = chest("chest-loop")
    send(site, [image], tmp_path / "sent")
    first = site.item_of(image.StudyInstanceUID)

    # Each object in its own transfer syntax, as an archive forwards it: the picture is a JPEG.
    forward(site, in_orthanc(orthanc, image.StudyInstanceUID), tmp_path / "back", "dcmsend")

    assert site.open_studies() == 0
    assert site.item_of(image.StudyInstanceUID) == first


def test_a_study_that_no_model_is_meant_for_is_not_analysed(site: RunningSite, tmp_path: Path):
    image = chest("mr-1")
    image.Modality = "MR"
    send(site, [image], tmp_path / "sent")

    item = site.item_of(image.StudyInstanceUID)

    assert (item.outcome, item.reason_code) == ("not_analysed", "no_rule")


def test_truncated_pixels_are_not_analysed_and_say_so(site: RunningSite, orthanc: OrthancPeer, tmp_path: Path):
    image = chest("chest-truncated")
    image.PixelData = image.PixelData[: len(image.PixelData) // 2]
    send(site, [image], tmp_path / "sent")

    item = site.item_of(image.StudyInstanceUID)

    assert (item.outcome, item.reason_code) == ("not_analysed", "unreadable_pixels")
    (report,) = in_orthanc(orthanc, image.StudyInstanceUID)
    assert "Not analysed" in report.to_json()


def test_a_series_with_a_gap_is_not_analysed_and_says_so(site: RunningSite, tmp_path: Path):
    series = nodule_series("ct-gap")
    del series[5]
    send(site, series, tmp_path / "sent")

    item = site.item_of(series[0].StudyInstanceUID)

    assert (item.outcome, item.reason_code) == ("not_analysed", "unusable_geometry")


def test_no_patient_is_told_outside_the_clinical_tables(site: RunningSite, tmp_path: Path):
    """Logs, metrics and the engine's rows; the results and our own tables may know whose they are."""
    image = chest("chest-marked")
    send(site, [image], tmp_path / "sent")
    site.item_of(image.StudyInstanceUID)

    told = [path.read_text(errors="replace") for path in site.directory.glob("*.log")]
    ports = (site.ports[name] for name in ("receive_metrics", "work_metrics", "web", "api"))
    told += [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in ports]
    database = sqlite3.connect(site.directory / "data" / "varsel.db")
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    clinical = {"study", "instance", "stay", "event", "risk"}
    told += [str(database.execute(f"SELECT * FROM {table}").fetchall()) for table in set(tables) - clinical]
    database.close()

    assert "workflow_status" in tables
    assert not [text for text in told if PATIENT_ID in text or "Patientsen" in text]


def test_the_archive_commits_what_it_accepted(site: RunningSite, tmp_path: Path):
    image = chest("committed")
    send(site, [image], tmp_path)
    site.wait_for({str(image.StudyInstanceUID)})

    site.wait(lambda: {one.state for one in site.deliveries()} == {"committed"}, "every delivery is committed", 30)
