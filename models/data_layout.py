"""How a labelled data set on disk is read for a bundle: which columns are the truth, the patient, the concepts.

Part of ``clinical.yaml`` and of the manifest, so that a release can be judged on data that arrives after it.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TruthColumn:
    """The column that says whether a label is true of a case; an empty cell means that nobody knows."""

    #: Column name.
    column: str
    #: Texts that mean yes; any other text means no.
    positive: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ImageFolderLayout:
    """A folder of images with a table ``labels.csv``: ``file,label,patient`` and, if there is one, ``split``."""

    kind: Literal["image_folder"] = "image_folder"
    #: Label key of the model -> where its truth stands; a label whose column is absent is unknown for all.
    truths: dict[str, TruthColumn]
    #: Columns that make subgroups, e.g. ``sex``; absent ones are left out.
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ConceptColumn:
    """The column that holds one concept, and how its numbers become the concept's canonical unit."""

    #: Column name.
    column: str
    #: Multiplied first.
    factor: float = 1.0
    #: Added then.
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class StayTableLayout:
    """A table (Parquet, CSV, gzipped CSV) with one row an hour of a stay, or one row a stay."""

    kind: Literal["stay_table"] = "stay_table"
    #: Column of the stay; it is also the patient where the table knows no patient.
    stay: str
    #: Column of the hour within the stay; None = one row a stay.
    hour: str | None = None
    #: Where the truth stands.
    truth: TruthColumn
    #: Concept of ``ehr_io/codes.toml`` -> its column.
    concepts: dict[str, ConceptColumn]
    #: Columns that make subgroups.
    groups: tuple[str, ...] = ()


DataLayout = Annotated[ImageFolderLayout | StayTableLayout, Field(discriminator="kind")]
