"""``varsel synthesize``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.phantoms.region.region import Region

XRAY_EXAMPLES = "Example: [bold]varsel synthesize xray --count 20 --out xrays/[/bold]."
CT_EXAMPLES = "Example: [bold]varsel synthesize ct --count 5 --out ct/[/bold]."
STAYS_EXAMPLES = (
    "Example: [bold]varsel synthesize stays --count 5 --out stays/ && curl -H 'Content-Type: application/fhir+json' "
    "--data @stays/0000.json http://127.0.0.1:8080/fhir[/bold]."
)
REGION_EXAMPLES = (
    "Examples: [bold]varsel synthesize region --beds 600 --days 90 --out region/[/bold]   "
    "[bold]varsel synthesize region --beds 60 --feed 127.0.0.1:2575 --speed 3600[/bold] sends an hour a second."
)

synthesize = typer.Typer(
    help="Draw invented patients with a known truth: DICOM files, FHIR Bundles, a whole hospital region.",
    no_args_is_help=True,
)

_Out = Annotated[Path, typer.Option(help="Directory; made when absent.", file_okay=False)]
_Count = Annotated[int, typer.Option(min=1, help="How many patients.")]
_Seed = Annotated[int, typer.Option(min=0, help="The same seed draws the same.")]


@synthesize.command(epilog=XRAY_EXAMPLES)
def xray(out: _Out, count: _Count = 1, seed: _Seed = 1) -> None:
    """Draw chest radiographs (CR), every other one with an opacity."""
    from training.phantoms.dicom import Origin, radiograph, write_datasets
    from training.phantoms.xray import xray_phantom
    from varsel.console import progress

    with progress() as bar:
        for number in bar.track(range(count), description="Radiographs"):
            phantom = xray_phantom(seed * 1_000_000 + number, opacity=number % 2 == 1)
            origin = Origin(key=f"xray-{seed}-{number}", description="Thorax")
            write_datasets([radiograph(phantom, origin)], out / f"{number:04}")
    _say("xray", out, count, seed)


@synthesize.command(epilog=CT_EXAMPLES)
def ct(out: _Out, count: _Count = 1, seed: _Seed = 1) -> None:
    """Draw CT series with 0 to 4 nodules."""
    from training.phantoms.ct import ct_phantom
    from training.phantoms.dicom import Origin, ct_series, write_datasets
    from varsel.console import progress

    with progress() as bar:
        for number in bar.track(range(count), description="CT series"):
            origin = Origin(key=f"ct-{seed}-{number}", description="CT thorax")
            write_datasets(ct_series(ct_phantom(seed * 1_000_000 + number), origin), out / f"{number:04}")
    _say("ct", out, count, seed)


@synthesize.command(epilog=STAYS_EXAMPLES)
def stays(out: _Out, count: _Count = 1, seed: _Seed = 1) -> None:
    """Draw hospital stays as FHIR Bundles."""
    import json

    from training.phantoms.stay_fhir import to_fhir
    from training.phantoms.stays import synthesize_stays

    out.mkdir(parents=True, exist_ok=True)
    for number, made in enumerate(synthesize_stays(count, seed)):
        text = json.dumps(to_fhir(made), ensure_ascii=False, indent=1)
        (out / f"{number:04}.json").write_text(text, encoding="utf-8")
    _say("stays", out, count, seed)


@synthesize.command(epilog=REGION_EXAMPLES)
def region(
    beds: Annotated[int, typer.Option(min=24, max=5000, help="Beds of the region.")] = 600,
    days: Annotated[int, typer.Option(min=1, max=1000, help="Days that pass.")] = 90,
    seed: _Seed = 1,
    out: Annotated[
        Path | None, typer.Option(help="Write FHIR NDJSON, HL7 and the truth here.", file_okay=False)
    ] = None,
    feed: Annotated[str, typer.Option(help="Send it as a live HL7 feed to this receiver.", metavar="HOST:PORT")] = "",
    speed: Annotated[float, typer.Option(min=0, help="Times real time; 0 = as fast as it is taken.")] = 0,
) -> None:
    """Draw a hospital region: admissions, transfers, devices, cultures, drugs, and infections whose truth is known."""
    from training.phantoms.region.region import synthesize_region
    from varsel.console import output

    if out is None and not feed:
        raise typer.BadParameter("say where the region goes: --out DIRECTORY, --feed HOST:PORT, or both")
    console = output()
    with console.status(f"Drawing {beds} beds over {days} days"):
        drawn = synthesize_region(beds, days, seed)
    if out is not None:
        from training.phantoms.region.files import write_region

        with console.status(f"Writing to '{out}'"):
            counts = write_region(drawn, out)
        print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
        print(f"the region of seed {seed} lies in '{out}'; its civil numbers are test numbers")
    if feed:
        _feed(drawn, feed, speed)


def _feed(drawn: "Region", to: str, speed: float) -> None:
    import time

    from training.phantoms.region.hl7 import Hl7Writer, at_speed
    from varsel.console import progress
    from varsel.feeding import feed_messages

    messages = at_speed(Hl7Writer(drawn).messages(), speed, time.sleep)
    with progress() as bar:
        counts = feed_messages(to, bar.track(messages, description="Messages", total=None))
    print(", ".join(f"{count} answered {code}" for code, count in sorted(counts.items())))


def _say(kind: str, out: Path, count: int, seed: int) -> None:
    print(f"{count} of kind '{kind}' from seed {seed} lie in '{out}'")
