"""What the cells of a truth column say."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.data_layout import TruthColumn

#: What programs write into a cell of text that they left empty.
_EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>"})
_BOOLEANS = {"true": "1", "false": "0"}


def truths_of(cells: Sequence[str], truth: TruthColumn) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """1 yes, 0 no, NaN unknown of each of *cells*, and the texts that *truth* names neither as yes nor as no.

    Small and capital letters are the same, and so are 1, 1.0 and true.
    """
    positive, negative = ({_plain(text) for text in texts} for texts in (truth.positive, truth.negative))
    texts, places = np.unique([_plain(cell) for cell in cells], return_inverse=True)
    values = [1.0 if text in positive else 0.0 if text in negative else _otherwise(text) for text in texts]
    odd = tuple(text for text in texts if text not in positive | negative and text not in _EMPTY)
    return np.array(values, dtype=np.float32)[places], odd


def _otherwise(text: str) -> float:
    return math.nan if text in _EMPTY else 0.0


def _plain(cell: str) -> str:
    text = cell.strip().casefold()
    try:
        number = float(text)
    except ValueError:
        return _BOOLEANS.get(text, text)
    return f"{number:g}"
