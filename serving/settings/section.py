"""What every section of the settings file is built from."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]
AeTitle = Annotated[
    str,
    Field(min_length=1, max_length=16, pattern=r"^[\x21-\x5b\x5d-\x7e]([\x20-\x5b\x5d-\x7e]*[\x21-\x5b\x5d-\x7e])?$"),
]


class Section(BaseModel):
    """A table of ``varsel.toml``: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
