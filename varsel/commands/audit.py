"""``varsel audit``: whether the log of what was decided and sent is whole."""

import typer

EXAMPLES = (
    "Example: [bold]varsel --settings varsel.toml audit[/bold]. Exit code 1 when a record was altered or taken out. "
    "Note the newest hash elsewhere: a log that is cut off at its end can be told only by it."
)


def audit(context: typer.Context) -> None:
    """Compute the hash of every record of the audit log again, and see that each bears that of the one before it."""
    from rich.console import Console

    from serving.records.audit import first_broken_link, newest_link
    from varsel.errors import VarselError
    from varsel.existing import existing_database

    engine = existing_database(context.obj.load_settings())
    newest = newest_link(engine)
    if newest is None:
        print("the audit log is empty")
        return
    with Console(stderr=True).status("Computing hashes"):
        broken = first_broken_link(engine)
    if broken is not None:
        raise VarselError(f"record {broken} of the audit log was altered, or what stood before it is gone")
    print(f"unbroken up to record {newest.sequence} of {newest.at:%Y-%m-%d %H:%M:%S} UTC, whose hash is {newest.hash}")
