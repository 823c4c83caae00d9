"""Every definition that there is, by id and edition."""

from collections.abc import Iterable
from typing import Protocol

from ehr_io.codes import Words
from ehr_io.definitions.bacteraemia import BACTERAEMIA_2015, BACTERAEMIA_2019
from ehr_io.definitions.clostridioides import CLOSTRIDIOIDES_2015, CLOSTRIDIOIDES_2019
from ehr_io.definitions.edition import Edition
from ehr_io.definitions.history import History
from ehr_io.definitions.joint import HIP_2019, KNEE_2019
from ehr_io.definitions.urinary import URINARY_2015, URINARY_2019
from ehr_io.definitions.verdict import Verdict


class Definition(Protocol):
    """One edition of one case definition."""

    @property
    def id(self) -> str:
        """Definition id, the same in all editions."""

    @property
    def title(self) -> Words:
        """What it is called."""

    @property
    def edition(self) -> Edition:
        """The wording."""

    def judge(self, history: History) -> tuple[Verdict, ...]:
        """One verdict for each sample or operation that the definition asks about."""


#: The wordings in force.
IN_FORCE: tuple[Definition, ...] = (BACTERAEMIA_2019, URINARY_2019, CLOSTRIDIOIDES_2019, HIP_2019, KNEE_2019)
#: All, the older ones too, for comparison on the same data.
ALL: tuple[Definition, ...] = (*IN_FORCE, BACTERAEMIA_2015, URINARY_2015, CLOSTRIDIOIDES_2015)


def cases(histories: Iterable[History], definitions: Iterable[Definition] = IN_FORCE) -> list[Verdict]:
    """Every counted case of *histories* by each of *definitions*, by sampling time."""
    wanted = tuple(definitions)
    found = (verdict for history in histories for one in wanted for verdict in one.judge(history) if verdict.is_case)
    return sorted(found, key=lambda case: (case.sampled_at, case.definition, case.edition, case.source))
