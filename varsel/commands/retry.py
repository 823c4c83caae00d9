"""``varsel retry``."""

from typing import Annotated

import typer

EXAMPLES = "Example: [bold]varsel retry 2.25.1234[/bold], with an id from [bold]varsel status[/bold] or a case's page."


def retry(
    context: typer.Context,
    work_item: Annotated[str, typer.Argument(help="Id of the failed work item.")],
) -> None:
    """Try a failed case again: send what did not arrive, or analyse it anew."""
    import getpass
    from datetime import UTC, datetime

    from serving.records.database import open_database, writing
    from serving.records.retry import retry as try_again
    from varsel.errors import VarselError

    engine = open_database(context.obj.load_settings().database_url)
    with writing(engine) as connection:
        begun = try_again(connection, work_item, getpass.getuser(), datetime.now(UTC))
    if not begun:
        raise VarselError(f"'{work_item}' has not failed, so there is nothing to try again; see `varsel status`")
    print(f"{work_item} is tried again; see `varsel status`")
