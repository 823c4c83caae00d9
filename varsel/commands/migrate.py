"""``varsel migrate``: the database's tables forward to this version's, or a step back for an earlier one."""

from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]varsel migrate[/bold] does before a restart what the first process would do; "
    "[bold]varsel migrate --back[/bold] prepares the database of a stopped site for an earlier version."
)
_LOSS = "What only the newer tables can hold is lost. Is there a backup, and shall the tables go one step back?"


def migrate(
    context: typer.Context,
    back: Annotated[bool, typer.Option("--back", help="One step back instead; the site must be stopped.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a step back.")] = False,
) -> None:
    """Bring the database's tables to those of this version, as the first process that starts does; or one step back."""
    from serving.records.database import open_database
    from serving.records.migrate import migrate as bring_forward
    from serving.records.migrate import step_back
    from varsel.errors import VarselError
    from varsel.ports import demand_all_ports

    settings = context.obj.load_settings()
    if not back:
        bring_forward(open_database(settings.database_url))
        print("the tables are those of this version")
        return
    # A process that runs would meet tables that it does not know.
    demand_all_ports(settings)
    if not yes:
        typer.confirm(_LOSS, abort=True)
    reached = step_back(open_database(settings.database_url))
    if reached is None:
        raise VarselError("the tables are the first that there were, or there are none; nothing was changed")
    print(f"the tables are those of step {reached}; any process of this version would bring them forward again")
