"""``varsel up`` and the four processes it runs."""

from pathlib import Path
from typing import Annotated

import typer

from varsel.invocation import Invocation

UP_EXAMPLES = "Example: [bold]varsel --settings varsel.toml up[/bold]. Logs lie in data_dir/logs; Ctrl-C stops all."
_ONE = (
    "Runs until SIGTERM or Ctrl-C; logs are JSON lines on standard error. All on one machine: [bold]varsel up[/bold]."
)
RECEIVE_EXAMPLES = f"Example: [bold]varsel --settings varsel.toml receive[/bold]. {_ONE}"
WORK_EXAMPLES = f"Example: [bold]varsel --settings varsel.toml work[/bold]. {_ONE}"
API_EXAMPLES = f"Example: [bold]varsel --settings varsel.toml api[/bold]. {_ONE}"
WEB_EXAMPLES = f"Example: [bold]varsel --settings varsel.toml web[/bold]. {_ONE}"


def up(context: typer.Context) -> None:
    """Run the DICOM node, the worker, the model service and the pages on this machine."""
    from varsel.console import output
    from varsel.ports import demand_all_ports
    from varsel.site import site_programs
    from varsel.supervisor import Supervisor, leaving_on_signals

    invocation: Invocation = context.obj
    settings = invocation.load_settings()
    demand_all_ports(settings)
    console = output()
    supervisor = Supervisor(site_programs(settings, invocation.settings_path), console.print)
    with leaving_on_signals(supervisor):
        try:
            supervisor.start(lambda program: console.print(f"{program.name} is ready"))
            console.print(f"Pages: http://{settings.web.host}:{settings.web.port}   Stop with Ctrl-C.")
            supervisor.watch()
        finally:
            console.print("Stopping ...")
            supervisor.stop()


def receive(context: typer.Context) -> None:
    """Run the DICOM node: receives studies (C-STORE) and answers C-ECHO."""
    from serving.processes.receive import run_receive
    from varsel.ports import demand_ports

    settings = context.obj.load_settings()
    demand_ports(settings, "receive")
    run_receive(settings)


def api(context: typer.Context) -> None:
    """Run the model service: Open Inference Protocol v2 on BentoML and ONNX Runtime."""
    from serving.processes.api import run_api
    from varsel.ports import demand_ports

    settings = context.obj.load_settings()
    demand_ports(settings, "api")
    run_api(settings)


def web(context: typer.Context) -> None:
    """Run the pages, the FHIR door and the CDS Hooks service."""
    from serving.processes.web import run_web
    from varsel.ports import demand_ports

    settings = context.obj.load_settings()
    demand_ports(settings, "web")
    run_web(settings)


def archive(
    directory: Annotated[Path, typer.Argument(help="Where objects are kept.")],
    port: Annotated[int, typer.Option(help="DICOM port on 127.0.0.1.")],
    ae_title: Annotated[str, typer.Option(help="AE title.")] = "PACS",
) -> None:
    """Run the small archive that stands in for a PACS in the demonstration. Not for clinical storage."""
    from dicom_io.receive.archive import EmbeddedArchive
    from dicom_io.receive.store_scp import StoreScpSettings
    from serving.processes.lifecycle import run_until_told
    from serving.telemetry.logs import configure_logging

    configure_logging("archive")
    run_until_told(EmbeddedArchive(StoreScpSettings(port=port, ae_title=ae_title), directory))
