"""``varsel alerts``: alert policies on history before they go live."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.alert_burden import Watch
    from evaluation.report import MetricValue
    from models.release import Release
    from serving.alerts.policy import AlertPolicy
    from serving.alerts.simulate import Simulated

alerts = typer.Typer(help="Alert policies: what they would have told, before anybody is told.", no_args_is_help=True)

#: Heading -> what stands below it.
_COLUMNS = (*("policy", "threshold", "alerts/100 pd", "flagged %", "PPV %", "found %", "missed", "lead h", "utility"),)


@alerts.command(
    "simulate",
    epilog="Examples: [bold]varsel alerts simulate infection_sepsis --policy deploy/examples/alert-policies.toml[/bold]"
    "   [bold]varsel alerts simulate infection_sepsis --data stays.parquet --naive[/bold]. "
    "docs/alerts.md says how to read it.",
)
def simulate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="MODEL (its champion), MODEL@ALIAS or MODEL@DIGEST; hourly scores.")],
    data: Annotated[
        Path | None, typer.Option(help="Labelled hourly table; without it the test scores that the release keeps.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="TOML file with alert_policies, as in varsel.toml.")] = None,
    naive: Annotated[
        bool, typer.Option("--naive", help="Only what the operating point alone would tell, hour by hour.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the table as JSON to this file.")] = None,
) -> None:
    """Replay history under each policy: alerts per 100 patient-days, PPV by patient, lead time, missed patients."""
    from models.folder_store import FolderStore
    from serving.alerts.simulate import naive_policy
    from varsel.commands.evaluate import named_release

    if policy is None and not naive:
        raise typer.BadParameter("nothing to simulate; give --policy FILE, or --naive for the operating point alone")
    release = named_release(model, FolderStore(context.obj.load_settings().store_dir))
    watch = _watch(release, data)
    tried = [naive_policy(release.manifest.name, watch.scored.threshold), *_policies(policy, release)]
    rows = _simulated(tried, watch)
    _tell(rows, f"{release.manifest.name} {release.manifest.version} {release.digest[:12]}")
    if out is not None:
        out.write_bytes(_as_json(rows))


def _policies(path: Path | None, release: "Release") -> "list[AlertPolicy]":
    from serving.alerts.policy import load_policies
    from varsel.errors import VarselError

    if path is None:
        return []
    found = [policy for policy in load_policies(path) if policy.model == release.manifest.name]
    if not found:
        raise VarselError(f"'{path}' has no policy for the model '{release.manifest.name}'; name it in 'model'")
    return found


def _watch(release: "Release", data: Path | None) -> "Watch":
    from serving.alerts.history import watch_of_cohort, watch_of_release

    if data is None:
        return watch_of_release(release)
    from evaluation.cohorts.read import read_cohort
    from evaluation.inference import probabilities_of
    from evaluation.subject import subject_of_release
    from models.onnx_runtime import open_runtime
    from varsel.console import progress
    from varsel.errors import VarselError

    manifest, subject = release.manifest, subject_of_release(release)
    if manifest.data is None:
        raise VarselError(f"'{manifest.name}' does not say how its labelled data lie on disk")
    cohort = read_cohort(data, manifest.data, manifest.preprocessing, [label.key for label in manifest.labels])
    with progress() as bar:
        task = bar.add_task(f"{manifest.name}: hours", total=len(cohort.keys))
        runtime = open_runtime(release, threads=0)
        said = probabilities_of(
            runtime, subject.input_name, cohort.inputs, lambda cases: bar.update(task, advance=cases)
        )
    return watch_of_cohort(cohort, said, subject, manifest)


def _simulated(policies: "Sequence[AlertPolicy]", watch: "Watch") -> "list[Simulated]":
    from serving.alerts.simulate import simulate as judge
    from varsel.console import progress

    found = []
    with progress() as bar:
        task = bar.add_task("policies", total=len(policies))
        for policy in policies:
            found.append(judge(policy, watch))
            bar.update(task, advance=1)
    return found


def _tell(rows: "list[Simulated]", name: str) -> None:
    from rich.table import Table

    from varsel.console import output

    first = rows[0].burden
    table = Table(title=f"{name}: {first.stays} stays, {first.positives} positive", title_justify="left")
    for heading in _COLUMNS:
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for row in rows:
        table.add_row(*_cells(row))
    output(width=120).print(table)
    print("95 % intervals by patient stand in the JSON of --out. * threshold found crosswise on halves of the stays.")
    print("Not told by this history, so not held back: treatment, known infections, snoozing, the limit of a shift.")


def _cells(row: "Simulated") -> list[str]:
    burden, lead = row.burden, row.burden.lead_hours_quartiles
    return [
        f"{row.policy.name} {row.policy.version}",
        f"{row.policy.threshold:.4f}{'*' if row.fitted else ''}",
        _number(burden.per_100_patient_days, 1),
        *(_number(value, 100) for value in (burden.flagged, burden.ppv_per_patient, burden.sensitivity_per_patient)),
        f"{burden.missed}/{burden.positives}",
        "-" if lead is None else f"{lead[1]:g}",
        f"{row.utility:.3f}",
    ]


def _number(value: "MetricValue", scale: float) -> str:
    return "-" if value.value is None else f"{value.value * scale:.1f}"


def _as_json(rows: "list[Simulated]") -> bytes:
    from pydantic import TypeAdapter

    from serving.alerts.simulate import Simulated

    return TypeAdapter(list[Simulated]).dump_json(rows, indent=2) + b"\n"
