"""``varsel pull``."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from dicom_io.retrieve.source import FoundStudy, StudyQuery, StudySource
    from serving.pull import PulledStudy
    from serving.settings.archives import Archive
    from serving.settings.file import Settings

EXAMPLES = (
    "Examples: [bold]varsel pull pacs --study 1.2.840.113619.2.5[/bold]   "
    "[bold]varsel pull pacs --priors-of 1.2.840.113619.2.5 --modality CT[/bold]   "
    "[bold]varsel pull pacs --from 20260101 --to 20260131 --modality CT --limit 100[/bold]. "
    "Begun again after a break it goes on: studies that are here are skipped. Exit code 3 when some did not come."
)


def pull(  # noqa: PLR0913, PLR0917  Each is an option of the command.
    context: typer.Context,
    archive: Annotated[str, typer.Argument(help="Name of an archive in the settings (archives).")],
    study: Annotated[list[str] | None, typer.Option(help="Study Instance UID; may be given several times.")] = None,
    priors_of: Annotated[str, typer.Option(help="Earlier studies of the patient of this study, which is here.")] = "",
    date_from: Annotated[str, typer.Option("--from", help="First study date, YYYYMMDD.")] = "",
    date_to: Annotated[str, typer.Option("--to", help="Last study date, YYYYMMDD.")] = "",
    modality: Annotated[str, typer.Option(help="Only studies with this modality, e.g. CT.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many studies; 0 = all.")] = 0,
) -> None:
    """Fetch studies from an archive; they are worked on behind everything else."""
    from dicom_io.retrieve.source import StudyQuery
    from serving.processes.archives import open_source
    from serving.processes.lifecycle import open_own_database
    from serving.pull import Puller, PullPace
    from varsel.console import progress

    settings = context.obj.load_settings()
    chosen = _archive(settings, archive)
    engine = open_own_database(settings)
    source = open_source(settings, chosen, engine)
    query = StudyQuery(date_from=_date(date_from), date_to=_date(date_to), modality=modality, limit=limit)
    if priors_of:
        query = _of_same_patient(engine, priors_of, query)
    studies = [one for one in _find(source, study or [], query) if one.study_uid != priors_of]
    puller = Puller(engine, source, PullPace(studies_per_minute=chosen.studies_per_minute))
    results = []
    with progress() as bar:
        task = bar.add_task(f"Fetching from {archive}", total=len(studies))
        for number, result in enumerate(puller.pull(studies, lambda _: None), 1):
            results.append(result)
            bar.update(task, completed=number, description=f"Fetching from {archive}: {_objects(results)} objects")
    _tell(results)


def _archive(settings: "Settings", name: str) -> "Archive":
    known = {one.name: one for one in settings.archives}
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        what = f"there is no archive '{name}' in the settings; known: {names}. Add it under archives"
        raise typer.BadParameter(what, param_hint="archive")
    return known[name]


def _of_same_patient(engine: "Engine", study_uid: str, query: "StudyQuery") -> "StudyQuery":
    """*query* for the patient of a study that is here; the patient's number itself never stands on a command line."""
    from dataclasses import replace

    from serving.pull import patient_of
    from varsel.errors import VarselError

    patient_id = patient_of(engine, study_uid)
    if not patient_id:
        raise VarselError(f"nothing of study '{study_uid}' is here, or it names no patient")
    return replace(query, patient_id=patient_id)


def _date(text: str) -> str:
    from datetime import datetime

    try:
        return datetime.strptime(text, "%Y%m%d").strftime("%Y%m%d") if text else ""  # noqa: DTZ007  A day has no zone.
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no date; required: YYYYMMDD, e.g. 20260131") from None


def _find(source: "StudySource", uids: "Sequence[str]", query: "StudyQuery") -> "list[FoundStudy]":
    from dataclasses import replace

    from dicom_io.uids import is_valid_uid
    from varsel.errors import VarselError

    wrong = [uid for uid in uids if not is_valid_uid(uid)]
    if wrong:
        raise typer.BadParameter(f"'{wrong[0]}' is no Study Instance UID", param_hint="--study")
    if not uids and not (query.date_range or query.modality or query.limit or query.patient_id):
        raise typer.BadParameter("say which studies: --study, --priors-of, --from/--to, --modality or --limit")
    queries = [replace(query, study_uid=uid) for uid in uids] or [query]
    found = [one for each in queries for one in source.find(each)]
    if not found:
        raise VarselError("the archive holds no such study")
    return found


def _objects(results: "Sequence[PulledStudy]") -> int:
    return sum(result.objects for result in results)


def _tell(results: "Sequence[PulledStudy]") -> None:
    from collections import Counter

    from serving.pull import PullOutcome
    from varsel.errors import PartlyDoneError, VarselError

    for result in results:
        if result.reason:
            print(f"{result.outcome.value}: {result.study_uid}: {result.reason}")
    counts = Counter(result.outcome for result in results)
    good = counts[PullOutcome.FETCHED] + counts[PullOutcome.HERE]
    told = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in PullOutcome)
    print(f"{len(results)} studies: {told}; {_objects(results)} objects came")
    if good == len(results):
        return
    if good or counts[PullOutcome.PARTLY]:
        raise PartlyDoneError(
            f"{len(results) - good} of {len(results)} studies did not come whole; they are listed above"
        )
    raise VarselError("nothing came; the reasons stand above")
