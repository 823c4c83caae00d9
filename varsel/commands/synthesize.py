"""``varsel synthesize``."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]varsel synthesize xray --count 20 --out xrays/[/bold]   "
    "[bold]varsel synthesize stays --count 5 --out stays/ && curl -H 'Content-Type: application/fhir+json' "
    "--data @stays/0000.json http://127.0.0.1:8080/fhir[/bold]."
)


class Kind(Enum):
    """What can be drawn."""

    #: Chest radiographs (CR), every other one with an opacity.
    XRAY = "xray"
    #: CT series with 0 to 4 nodules.
    CT = "ct"
    #: Hospital stays as FHIR Bundles.
    STAYS = "stays"


def synthesize(
    kind: Annotated[Kind, typer.Argument(help="What to draw.")],
    out: Annotated[Path, typer.Option(help="Directory; made when absent.", file_okay=False)],
    count: Annotated[int, typer.Option(min=1, help="How many patients.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same.")] = 1,
) -> None:
    """Draw invented patients with a known truth: DICOM files, or FHIR Bundles."""
    {Kind.XRAY: _xrays, Kind.CT: _cts, Kind.STAYS: _stays}[kind](out, count, seed)
    print(f"{count} of kind '{kind.value}' from seed {seed} lie in '{out}'")


def _xrays(out: Path, count: int, seed: int) -> None:
    from training.phantoms.dicom import Origin, radiograph, write_datasets
    from training.phantoms.xray import xray_phantom
    from varsel.console import progress

    with progress() as bar:
        for number in bar.track(range(count), description="Radiographs"):
            phantom = xray_phantom(seed * 1_000_000 + number, opacity=number % 2 == 1)
            origin = Origin(key=f"xray-{seed}-{number}", description="Thorax")
            write_datasets([radiograph(phantom, origin)], out / f"{number:04}")


def _cts(out: Path, count: int, seed: int) -> None:
    from training.phantoms.ct import ct_phantom
    from training.phantoms.dicom import Origin, ct_series, write_datasets
    from varsel.console import progress

    with progress() as bar:
        for number in bar.track(range(count), description="CT series"):
            origin = Origin(key=f"ct-{seed}-{number}", description="CT thorax")
            write_datasets(ct_series(ct_phantom(seed * 1_000_000 + number), origin), out / f"{number:04}")


def _stays(out: Path, count: int, seed: int) -> None:
    import json

    from training.phantoms.stay_fhir import to_fhir
    from training.phantoms.stays import synthesize_stays

    out.mkdir(parents=True, exist_ok=True)
    for number, made in enumerate(synthesize_stays(count, seed)):
        text = json.dumps(to_fhir(made), ensure_ascii=False, indent=1)
        (out / f"{number:04}.json").write_text(text, encoding="utf-8")
