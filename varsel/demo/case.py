"""A case of the demonstration: what is sent, and what must come of it, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dicom_io.study import Instance

#: Where the truth lies: SOP Instance UID of an image -> bool (y, x).
Truth = Mapping[str, npt.NDArray[np.bool_]]


class Answer(Enum):
    """What may come of a case."""

    #: Analysed; something was found.
    FINDING = "finding"
    #: Analysed; nothing was found.
    NO_FINDING = "no_finding"
    #: No model was applied, and the reason says why.
    NOT_ANALYSED = "not_analysed"
    #: The analysis was tried and broke.
    FAILED = "failed"
    #: Not taken at the door, with a reason.
    REFUSED = "refused"
    #: Nothing is known of it when its time is up.
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What must come of a case, or the demonstration has failed."""

    #: Any of these is right; empty = whatever comes.
    answers: frozenset[Answer] = frozenset()
    #: The reason must be of one of these codes; empty = any.
    reason_codes: frozenset[str] = frozenset()
    #: At least one finding must lie on this; empty = anywhere.
    truth: Truth = field(default_factory=dict)
    #: A risk must have been said.
    has_risk: bool = False


@dataclass(frozen=True, kw_only=True)
class DemoCase:
    """One thing that is sent, and what must come of it."""

    #: Short name.
    key: str
    #: Calling AE title, its own: by it the books' refusals are known.
    calling_ae_title: str = ""
    #: What people read.
    title: str
    #: Study Instance UID or stay id that the site will know it by.
    case_id: str
    #: What is sent by C-STORE; empty for a stay.
    instances: tuple[Instance, ...] = ()
    #: What is posted to the FHIR door; None for a study.
    bundle: Mapping[str, Any] | None = None
    #: What must come of it.
    expected: Expectation

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files."""
        return tuple(instance.path for instance in self.instances)
