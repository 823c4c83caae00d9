"""``varsel history``."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evaluation.decision_log import DecisionRow
    from models.registry import LedgerRow

EXAMPLES = (
    "Examples: [bold]varsel history chest_xray_opacity[/bold]   "
    "[bold]varsel history chest_xray_opacity --json[/bold] for machines."
)


def history(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model name.", metavar="MODEL")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show every decision on a model and every move of its pointers: who, when, from, to, why, by which gates."""
    from evaluation.decision_log import DecisionLog
    from models.folder_store import FolderStore

    store = FolderStore(context.obj.load_settings().store_dir)
    moves = [row for row in store.ledger() if row.model == model]
    decisions = {digest: row for digest, row in DecisionLog(store.directory).rows().items() if row.model == model}
    if as_json:
        print(_as_json(moves, decisions))
        return
    told = sorted([*_decisions(decisions), *_moves(moves)])
    print("\n".join(line for _, lines in told for line in lines) or f"'{model}' has no history here")


def _decisions(rows: "dict[str, DecisionRow]") -> "Iterator[tuple[str, list[str]]]":
    for row in rows.values():
        verdict = "may be" if row.allowed else "may NOT be"
        held = f", in place of {row.holder_digest[:12]}" if row.holder_digest else ""
        head = f"{row.at}  {row.version} ({row.digest[:12]}) {verdict} {row.alias}{held}"
        lines = [head, f"    trained by {row.author or 'unknown'}, approver {row.approver}: {row.reason}"]
        lines.extend(f"    {'met    ' if gate.met else 'NOT MET'} {gate.demand}: {gate.found}" for gate in row.gates)
        yield row.at, lines


def _moves(rows: "list[LedgerRow]") -> "Iterator[tuple[str, list[str]]]":
    for row in rows:
        way = f"{row.from_digest[:12] or 'none'} -> {row.to_digest[:12]}"
        yield row.at, [f"{row.at}  {row.move.value} of {row.alias}: {way}  by {row.actor}: {row.reason}"]


def _as_json(moves: "list[LedgerRow]", decisions: "dict[str, DecisionRow]") -> str:
    from pydantic import TypeAdapter

    from evaluation.decision_log import DecisionRow
    from models.registry import LedgerRow

    told = {
        "decisions": TypeAdapter(dict[str, DecisionRow]).dump_python(decisions, mode="json"),
        "moves": TypeAdapter(list[LedgerRow]).dump_python(moves, mode="json"),
    }
    return json.dumps(told, indent=2)
