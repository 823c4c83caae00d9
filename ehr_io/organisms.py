"""Names of micro-organisms by the codes that laboratories report; the data lies in ``organisms.toml``."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def organism_names() -> Mapping[str, str]:
    """SNOMED CT code -> scientific name; read once, it is immutable."""
    data: dict[str, dict[str, str]] = tomllib.loads((files("ehr_io") / "organisms.toml").read_text("utf-8"))
    return data["sct"]


def organism_name(code: str) -> str:
    """The name of *code*; the code itself where we know none."""
    return organism_names().get(code, code)
