"""A modality that sends studies and remembers what it was told, and a judge who compares that with the archive.

Neither asks Varsel whether all is well: the judge looks at what the sender was told (C-STORE), at what the archive
holds (Orthanc), and asks Varsel only whether the case has come to an end.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from factories.dicom import write
from peers import OrthancPeer, run_dcmtk
from running_site import RunningSite
from test_imaging_line import chest

#: What one radiograph with a finding becomes: an SR and an SC. One that was not analysed becomes an SR.
OBJECTS_A_STUDY = 2
#: A case without an end after this is stuck.
PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02
#: Code value of the outcome in a report.
_NOT_ANALYSED = b"not-analysed"


@dataclass(kw_only=True)
class Case:
    """One study of one image, and what its sender knows of it."""

    #: Study Instance UID.
    study: str
    #: The image.
    image: Path
    #: The sender was told that its image is safe.
    told: bool = False


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What became of some cases: how many of each kind."""

    #: Sent.
    studies: int
    #: The sender was told that the study is safe, or never could have it taken, and the archive lacks a result of it.
    lost: int
    #: The case has no end.
    stuck: int
    #: The archive holds more than one set of results.
    doubled: int
    #: The archive holds an answer that nobody could have given.
    wrong: int = 0

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, stuck, doubled or wrong."""
        return not (self.lost or self.stuck or self.doubled or self.wrong)


class Modality:
    """Sends radiographs, each a study of its own, again and again until it is told that they are safe."""

    def __init__(self, site: RunningSite, name: str) -> None:
        """Send to *site*; *name* keeps its studies apart from others in the same archive."""
        self._site = site
        self._name = name
        self._numbers = count(1)
        #: Every case so far.
        self.cases: list[Case] = []

    def new_case(self) -> Case:
        """A study that nobody has seen."""
        image = chest(f"{self._name}-{next(self._numbers)}")
        (path,) = write([image], self._site.directory / "sent" / str(image.StudyInstanceUID))
        case = Case(study=str(image.StudyInstanceUID), image=path)
        self.cases.append(case)
        return case

    def send(self, case: Case) -> None:
        """Send it once, unless it is known to be safe."""
        if case.told:
            return
        arguments = ["-R", "-to", "5", "-ta", "10", "-td", "10", "-aec", "VARSEL", "127.0.0.1"]
        sent = run_dcmtk("storescu", [*arguments, self._site.ports["receive"], case.image])
        case.told = sent.returncode == 0

    def insist(self, case: Case) -> None:
        """Send it until it is known to be safe, or patience ends."""
        until(lambda: self._is_told(case), PATIENCE_SECONDS)

    def _is_told(self, case: Case) -> bool:
        self.send(case)
        return case.told


class Judge:
    """Looks into the archive."""

    def __init__(self, site: RunningSite, orthanc: OrthancPeer) -> None:
        """Judge the cases of *site* by what *orthanc* holds."""
        self._site = site
        #: The archive.
        self.orthanc = orthanc

    def has_ended(self, case: Case) -> bool:
        """Whether the case has an end; nothing else of what Varsel says is believed."""
        states = [item.state for item in self._site.items() if item.case_id == case.study]
        return states != [] and set(states) <= {"done", "failed"}

    def judge(self, *cases: Case) -> Judgement:
        """Wait for the end of *cases*, then compare."""
        ended = [until(lambda case=case: self.has_ended(case), PATIENCE_SECONDS) for case in cases]
        held = [len(self._objects_of(case)) for case in cases]
        due = [1 if self.says_not_analysed(case) else OBJECTS_A_STUDY for case in cases]
        return Judgement(
            studies=len(cases),
            lost=sum(not case.told or found < wanted for case, found, wanted in zip(cases, held, due, strict=True)),
            stuck=ended.count(False),
            doubled=sum(found > wanted for found, wanted in zip(held, due, strict=True)),
        )

    def says_not_analysed(self, case: Case) -> bool:
        """Whether the archive holds the report that says so of it; that comes alone."""
        files = (self.orthanc.rest.get(f"/instances/{one}/file") for one in self._objects_of(case))
        return any(_NOT_ANALYSED in file.raise_for_status().content for file in files)

    def is_committed(self, case: Case) -> bool:
        """Whether the archive has taken responsibility for every object of it."""
        items = {item.id for item in self._site.items() if item.case_id == case.study}
        states = {one.state for one in self._site.deliveries() if one.work_item_id in items}
        return states == {"committed"}

    def _objects_of(self, case: Case) -> Sequence[str]:
        wanted = {"Level": "Instance", "Query": {"StudyInstanceUID": case.study}}
        found: list[str] = self.orthanc.rest.post("/tools/find", json=wanted).raise_for_status().json()
        return found


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether *condition* came true within *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
