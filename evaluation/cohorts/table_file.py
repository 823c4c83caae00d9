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
    if not path.exists():
        raise CohortError(f"'{path}' is not there; give a table of stays: a file that ends in {', '.join(_READERS)}")
    if read is None or not path.is_file():
        raise CohortError(f"'{path}' is no file that ends in {', '.join(_READERS)}; give a table of stays")
    wanted = tuple(dict.fromkeys(required))
    try:
        table = named_as(read(path), wanted)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise CohortError(f"'{path}' cannot be read as a table ({error}); write it anew") from error
    missing = [column for column in wanted if column not in table]
    if missing:
        raise CohortError(
            f"'{path}' has no column {', '.join(repr(column) for column in missing)}; it has "
            f"{', '.join(str(column) for column in table) or 'none'}: name the columns as the bundle's data layout "
            "does, and add an empty one for what was never measured"
        )
    if table.empty:
        raise CohortError(f"'{path}' has columns but no rows; required is at least one positive and one negative")
    return table


def read_csv(path: Path, *, as_text: bool = False) -> pd.DataFrame:
    """The table at *path*, with commas, or with semicolons or tabs as spreadsheets write them.

    Args:
        path: CSV in UTF-8, also gzipped.
        as_text: Leave every cell as it is written: 007 is no number, and an empty cell is empty.

    Raises:
        ValueError: it is no such table.
    """
    head = pd.read_csv(path, nrows=0, dtype=str).columns
    separator = next((one for one in ";\t" if len(head) == 1 and one in head[0]), ",")
    table = (
        pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
        if as_text
        else pd.read_csv(path, sep=separator)
    )
    if not table.index.equals(pd.RangeIndex(len(table))):
        # pandas would take the first cell of each row for its name, and move the others to the left.
        raise ValueError(f"its rows have more cells than its first line, which names {len(table.columns)} columns")
    return table


def named_as(table: pd.DataFrame, wanted: Iterable[str]) -> pd.DataFrame:
    """*table* with its columns named as *wanted*, where it differs in capital letters or outer spaces alone."""
    names, found = set(wanted), dict[str, list[str]]()
    for column in map(str, table.columns):
        found.setdefault(column.strip().casefold(), []).append(column)
    alike = {name: found.get(name.casefold(), []) for name in names.difference(table.columns)}
    return table.rename(columns={one[0]: name for name, one in alike.items() if len(one) == 1 and one[0] not in names})


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    # Who sets the stay as the index writes it so.
    return table.reset_index() if any(name is not None for name in table.index.names) else table


_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": _read_parquet,
    ".csv.gz": read_csv,
    ".csv": read_csv,
}
