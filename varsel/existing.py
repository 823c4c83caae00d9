"""Opening a site's database to look at it."""

from pathlib import Path
from typing import TYPE_CHECKING

from varsel.errors import VarselError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from serving.settings.file import Settings


def existing_database(settings: "Settings") -> "Engine":
    """The database of *settings*, which must be there: to look is not to make.

    Raises:
        VarselError: there is none.
    """
    from sqlalchemy import make_url

    from serving.records.database import open_database

    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise VarselError(
            f"there is no database at '{url.database}'; start the site with `varsel up`, or name its settings file: "
            "`varsel --settings FILE ...`"
        )
    return open_database(settings.database_url)
