"""A backup taken while the site runs, restored on another machine: what was open goes on there."""

import subprocess
import sys
from pathlib import Path

from factories.dicom import write
from peers import free_ports, run_dcmtk, start_orthanc
from running_site import RunningSite, running_site
from test_imaging_line import chest, in_orthanc

from serving.records.database import open_database


def varsel(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "varsel", *map(str, arguments)], check=True, timeout=120)


def test_a_restored_site_delivers_what_the_first_could_not(tmp_path: Path):
    (dead_port,) = free_ports(1)
    study = chest("backup-1")
    (path,) = write([study], tmp_path / "sent")
    backup = tmp_path / "backup.tar"
    with running_site(tmp_path / "first", pacs_port=dead_port, start=("api", "receive", "work")) as first:
        run_dcmtk("storescu", ["-R", "-aec", "VARSEL", "127.0.0.1", first.ports["receive"], path])
        first.wait(
            lambda: [item.state for item in first.items()] == ["delivering"], "the result waits for its PACS", 60
        )
        varsel("-s", first.settings_path, "backup", backup)
        settings = first.settings_path.read_text()

    orthanc = start_orthanc(tmp_path / "orthanc")
    home = tmp_path / "second"
    home.mkdir()
    moved = settings.replace(str(tmp_path / "first"), str(home)).replace(str(dead_port), str(orthanc.dicom_port))
    (home / "varsel.toml").write_text(moved)
    varsel("-s", home / "varsel.toml", "restore", backup)
    database = open_database(f"sqlite:///{home / 'data' / 'varsel.db'}")
    second = RunningSite(directory=home, ports=first.ports, engine=database, environment={})
    try:
        for name in ("api", "receive", "work"):
            second.start(name)
        item = second.item_of(str(study.StudyInstanceUID))
    finally:
        second.stop()

    assert item.state == "done"
    assert len(in_orthanc(orthanc, str(study.StudyInstanceUID))) == 2
    orthanc.stop()
