"""A table from a file: Parquet, CSV, gzipped CSV."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from evaluation.errors import CohortError


def read_table(path: Path, required: Iterable[str]) -> pd.DataFrame:
    """All rows and columns of the table at *path*, numbered from 0 as they stand in the file.

    Raises:
        CohortError: there is no such file, it is not of a known kind, cannot be read, has no rows, or lacks one of the
            *required* columns.
    """
    read = next((reader for ending, reader in _READERS.items() if path.name.lower().endswith(ending)), None)
    if read is None or not path.is_file():
        raise CohortError(f"'{path}' is no file that ends in {', '.join(_READERS)}; give a table of stays")
    try:
        table = read(path)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise CohortError(f"'{path}' cannot be read as a table ({error}); write it anew") from error
    missing = [column for column in dict.fromkeys(required) if column not in table]
    if missing:
        raise CohortError(
            f"'{path}' has no column {', '.join(repr(column) for column in missing)}; it has "
            f"{', '.join(str(column) for column in table) or 'none'}: name the columns as the bundle's data layout does"
        )
    if table.empty:
        raise CohortError(f"'{path}' has columns but no rows; required is at least one positive and one negative")
    return table


_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv.gz": pd.read_csv,
    ".csv": pd.read_csv,
}
