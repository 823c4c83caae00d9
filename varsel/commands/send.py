"""``varsel send``."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dicom_io.send.paths import PathResult

EXAMPLES = (
    "Examples: [bold]varsel send study/ 127.0.0.1:11112[/bold]   "
    "[bold]varsel send image.dcm pacs:104 --called-ae PACS[/bold]. "
    "Exit code 3 when some files were not taken; each is listed with its reason."
)


def send(
    path: Annotated[Path, typer.Argument(help="A DICOM file, or a folder of them.", exists=True)],
    address: Annotated[str, typer.Argument(help="HOST:PORT of the DICOM node.", metavar="HOST:PORT")],
    called_ae: Annotated[str, typer.Option(help="AE title of the node that is called.")] = "VARSEL",
    calling_ae: Annotated[str, typer.Option(help="AE title to call from.")] = "VARSELSEND",
) -> None:
    """Send DICOM files by C-STORE, each in its own transfer syntax."""
    from dicom_io.send.association import DicomAddress
    from dicom_io.send.paths import send_paths
    from varsel.console import progress

    host, port = _host_and_port(address)
    for option, title in (("--called-ae", called_ae), ("--calling-ae", calling_ae)):
        _demand_ae_title(option, title)
    target = DicomAddress(host=host, port=port, ae_title=called_ae, calling_ae_title=calling_ae)
    total = sum(one.is_file() for one in path.rglob("*")) if path.is_dir() else 1
    if not total:
        raise typer.BadParameter(f"'{path}' holds no file", param_hint="path")
    # pydicom warns of each UID with a leading zero, as modalities make them; whoever is sent to may judge.
    with progress() as bar, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = bar.add_task(f"Sending to {target}", total=total)
        results = send_paths([path], target, lambda _: bar.advance(task))
    _tell(results)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise typer.BadParameter(f"'{address}' is not HOST:PORT, e.g. 127.0.0.1:11112", param_hint="HOST:PORT")
    return host.strip("[]"), int(port)


def _demand_ae_title(option: str, title: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from serving.settings.section import AeTitle

    try:
        TypeAdapter(AeTitle).validate_python(title)
    except ValidationError as error:
        what = f"'{title}' is no AE title; required: 1 to 16 letters, digits or signs, no space at either end"
        raise typer.BadParameter(what, param_hint=option) from error


def _tell(results: "tuple[PathResult, ...]") -> None:
    from dicom_io.send.paths import PathOutcome
    from varsel.errors import PartlyDoneError, VarselError

    for result in results:
        if result.outcome is not PathOutcome.SENT:
            print(f"{result.outcome.value}: {result.path}: {result.reason}")
    sent = sum(result.outcome is PathOutcome.SENT for result in results)
    print(f"{sent} of {len(results)} files were sent")
    if sent == 0:
        raise VarselError("nothing was sent; the reasons stand above")
    if sent < len(results):
        raise PartlyDoneError(f"{len(results) - sent} of {len(results)} files were not sent; they are listed above")
