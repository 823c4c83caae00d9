"""How a labelled data set on disk is read for a bundle: which columns are the truth, the patient, the concepts.

Part of ``clinical.yaml`` and of the manifest, so that a release can be judged on data that arrives after it.
"""

from enum import Enum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TruthColumn:
    """The column that says whether a label is true of a case; an empty cell means that nobody knows."""

    #: Column name.
    column: str
    #: Texts that mean yes; any other text means no, unless ``negative`` says which do.
    positive: tuple[str, ...]
    #: Texts that mean no; empty = every other text.
    negative: tuple[str, ...] = ()


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


class Change(Enum):
    """What may be wrong with a picture, done to one that is right."""

    #: Dark and bright swapped.
    INVERT = "invert"
    #: Turned a quarter to the left.
    TURN_LEFT = "turn_left"
    #: Turned a quarter to the right.
    TURN_RIGHT = "turn_right"
    #: Turned by half.
    UPSIDE_DOWN = "upside_down"
    #: Its tiles in another order: its brightness, and no anatomy.
    SHUFFLE = "shuffle"
    #: Nothing but noise.
    NOISE = "noise"
    #: One brightness all over.
    BLANK = "blank"


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ChangedCopy:
    """Copies of the images of one class, changed so that they are of another."""

    #: Label key of the images that are copied.
    of: str
    #: What is done to them.
    change: Change
    #: Label key of the copies.
    label: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ImageClassesLayout:
    """A folder of images with one table or several, ``file,label,patient``: each image is of one class."""

    kind: Literal["image_classes"] = "image_classes"
    #: Table -> text in its column ``label`` -> label key of the model; tables that the folder lacks are left out.
    tables: dict[str, dict[str, str]]
    #: Each image is also entered as one copy, by turns the first, second, ... of those of its label.
    copies: tuple[ChangedCopy, ...] = ()


DataLayout = Annotated[ImageFolderLayout | StayTableLayout | ImageClassesLayout, Field(discriminator="kind")]
