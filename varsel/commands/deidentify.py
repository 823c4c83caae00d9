"""``varsel dicom deidentify``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicom_io.deidentify.files import FileResult

EXAMPLES = (
    "Examples: [bold]openssl rand -out site.key 32[/bold]   "
    "[bold]varsel dicom deidentify study/ --out clean --purpose training --key-file site.key[/bold]. "
    "Exit code 3 when some files were withheld; each is listed with its reason."
)


def deidentify(
    path: Annotated[Path, typer.Argument(help="A DICOM file, or a folder of them.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder to write to; the originals stay as they are.")],
    key_file: Annotated[Path, typer.Option(help="File with the site's secret key: at least 32 random bytes.")],
    purpose: Annotated[str, typer.Option(help="training keeps what models need; sharing keeps nothing.")] = "training",
    accept_burned_in: Annotated[bool, typer.Option(help="Write pictures that may bear text, after a look.")] = False,
) -> None:
    """Write images without what tells who the patient is (PS3.15 E); the same key gives the same pseudonyms."""
    from dicom_io.deidentify.dataset import Deidentifier
    from dicom_io.deidentify.files import count_files, deidentify_files
    from dicom_io.deidentify.profile import Purpose, profile_of
    from dicom_io.deidentify.pseudonyms import read_key
    from varsel.console import progress

    known = [one.value for one in Purpose]
    if purpose not in known:
        raise typer.BadParameter(f"'{purpose}' is none of {', '.join(known)}", param_hint="--purpose")
    deidentifier = Deidentifier(profile_of(Purpose(purpose)), read_key(key_file))
    total = count_files(path)
    if not total:
        raise typer.BadParameter(f"'{path}' holds no file", param_hint="path")
    results = []
    with progress() as bar:
        task = bar.add_task(f"De-identifying for {purpose}", total=total)
        for result in deidentify_files(path, out, deidentifier, accept_burned_in=accept_burned_in):
            results.append(result)
            bar.advance(task)
    _tell(results)


def _tell(results: "Sequence[FileResult]") -> None:
    from collections import Counter

    from dicom_io.deidentify.files import FileOutcome
    from varsel.errors import PartlyDoneError, VarselError

    for result in results:
        if result.note:
            print(f"{result.outcome.value}: {result.path}: {result.note}")
    counts = Counter(result.outcome for result in results)
    told = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in FileOutcome)
    print(f"{len(results)} files: {told}")
    if not counts[FileOutcome.WRITTEN]:
        raise VarselError("nothing was written; the reasons stand above")
    if counts[FileOutcome.WITHHELD]:
        raise PartlyDoneError(f"{counts[FileOutcome.WITHHELD]} files were withheld; they are listed above")
