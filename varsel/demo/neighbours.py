"""What stands beside the site in the demonstration: a PACS, and MLflow's pages."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from varsel.demo.directory import PACS_AE_TITLE, DemoDirectory, Ports
from varsel.programs import Program, accepts_connections, answers
from varsel.site import own_command

#: Debian puts Orthanc where an ordinary user's PATH does not look.
_SBIN = "/usr/sbin:/usr/local/sbin"
_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def find_orthanc() -> str | None:
    """The path of Orthanc; None when it is not installed."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path=_SBIN)


def pacs_program(directory: DemoDirectory, ports: Ports, orthanc: str | None) -> Program:
    """The program *orthanc*, or the embedded archive when there is none."""
    directory.pacs.mkdir(parents=True, exist_ok=True)
    log = directory.data / "logs" / "pacs.log"
    if orthanc is None:
        options = ("--port", str(ports.pacs), "--ae-title", PACS_AE_TITLE)
        command = own_command(None, "archive", str(directory.pacs.resolve() / "archive"), *options)
        return Program(name="pacs", command=command, log=log, is_ready=accepts_connections("127.0.0.1", ports.pacs))
    settings = directory.pacs / "orthanc.json"
    settings.write_text(json.dumps(_orthanc_settings(directory, ports), indent=2), encoding="utf-8")
    return Program(
        name="pacs",
        # Without it Orthanc leaves Nagle's algorithm on: 43 ms an image on loopback.
        command=("env", "TCP_NODELAY=1", orthanc, str(settings.resolve())),
        log=log,
        is_ready=answers(f"http://127.0.0.1:{ports.pacs_http}/system"),
    )


def mlflow_program(directory: DemoDirectory, ports: Ports, tracking_uri: str) -> Program | None:
    """MLflow's pages over *tracking_uri*; None when it is not installed."""
    if find_spec("mlflow") is None:
        return None
    # No usage statistics, and no job runners for features that nobody uses here.
    environment = (
        "env",
        "MLFLOW_DISABLE_TELEMETRY=true",
        "DO_NOT_TRACK=true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false",
    )
    serve = (sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(ports.mlflow))
    stores = ("--backend-store-uri", tracking_uri, "--default-artifact-root", str(directory.data / "mlartifacts"))
    return Program(
        name="mlflow",
        command=(*environment, *serve, *stores, "--workers", "1"),
        log=directory.data / "logs" / "mlflow.log",
        is_ready=answers(f"http://127.0.0.1:{ports.mlflow}/health"),
        stop_within_seconds=10.0,
    )


def _orthanc_settings(directory: DemoDirectory, ports: Ports) -> dict[str, object]:
    # Orthanc 1.10 has no bind address. So it is told to answer this machine only: HTTP by RemoteAccessAllowed, DICOM by
    # admitting one AE title from one host.
    store = str((directory.pacs / "orthanc").resolve())
    return {
        "Name": "Varsel demonstration",
        "StorageDirectory": store,
        "IndexDirectory": store,
        "HttpPort": ports.pacs_http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": PACS_AE_TITLE,
        "DicomPort": ports.pacs,
        "DicomCheckCalledAet": True,
        "DicomCheckModalityHost": True,
        "DicomAlwaysAllowEcho": False,
        "DicomAlwaysAllowStore": False,
        "DicomModalities": {
            "varsel": {"AET": "VARSEL", "Host": "127.0.0.1", "Port": ports.receive, "AllowFind": True, "AllowGet": True}
        },
        "UnknownSopClassAccepted": False,
        "OverwriteInstances": False,
        "Plugins": [_DICOMWEB] if Path(_DICOMWEB).exists() else [],
    }
