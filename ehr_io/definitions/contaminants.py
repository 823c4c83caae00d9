"""Which organisms in a blood culture are contamination; the list with its sources is ``contaminants.toml``."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ehr_io.organisms import organism_name


def is_contaminant(code: str) -> bool:
    """Whether the organism *code* is on the list; an organism that we do not know is a pathogen."""
    # Laboratories without codes write names, which travel with dashes for blanks.
    name = organism_name(code).replace("-", " ")
    genus = name.split(",")[0].split(" ")[0]
    exceptions = _list().get(genus)
    return exceptions is not None and name not in exceptions


@cache
def _list() -> Mapping[str, frozenset[str]]:
    """Genus -> the species of it that count."""
    data = tomllib.loads((files("ehr_io.definitions") / "contaminants.toml").read_text("utf-8"))
    return {entry["name"]: frozenset(entry.get("except", ())) for entry in data["contaminant"]}
