"""What an experiment is made of: where, at which boundary, and what came of it."""

from dataclasses import dataclass

from cases import Judgement


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where the kills are made."""

    #: ``sqlite`` or ``postgresql``.
    database: str
    #: Workers on it.
    nodes: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """A boundary between durable effects."""

    #: Process that comes by: ``receive`` or ``work``.
    process: str
    #: ``before`` or ``after``, the effect, and the function that asked for it.
    name: str
    #: The kill after which it was first passed, in mending what that left; empty on the straight way.
    mending: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one kill did."""

    #: Where it was.
    place: Place
    #: Whether the process came there, and died.
    killed: bool
    #: What became of the study that was under way.
    judgement: Judgement
    #: From the kill to the end of the case, the start of the process or the takeover included.
    seconds: float
