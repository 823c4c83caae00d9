"""Opening a site's database to look at it."""

from pathlib import Path
from typing import TYPE_CHECKING

from varsel.errors import VarselError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from serving.settings.file import Settings

#: What is in a database that cannot be looked at yet.
_FOUND = {"absent": "no tables of Varsel", "older": "the tables of an earlier version"}


def existing_database(settings: "Settings") -> "Engine":
    """The database of *settings*, which must be there with the tables of this version: to look is not to make.

    Raises:
        DatabaseDownError: it cannot be reached.
        NewerTablesError: its tables are a later version's.
        VarselError: there is none, or its tables are an earlier version's.
    """
    from sqlalchemy import make_url

    from serving.records.database import open_database
    from serving.records.migrate import Tables, demand_no_newer, tables_of

    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise VarselError(
            f"there is no database at '{url.database}'; start the site with `varsel up`, or name its settings file: "
            "`varsel --settings FILE ...`"
        )
    engine = open_database(settings.database_url)
    tables = tables_of(engine)
    demand_no_newer(tables)
    if tables is not Tables.CURRENT:
        raise VarselError(
            f"the database holds {_FOUND[tables.value]}; start the site with `varsel up`, which makes those of this one"
        )
    return engine
