"""What is planned to happen to each patient, and whether it is a case: the truth, written down before anything is told.

Each scenario says in which editions of a definition its sample counts, from how it was made: "60 h into the contact" is
hospital-acquired because it was put there. Nothing here asks the definitions.
"""

from dataclasses import dataclass

from training.phantoms.region.people import Contact

#: Editions by name, as `ehr_io.definitions` has them.
BOTH = frozenset({"2015", "2019"})
NEITHER: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSample:
    """One sample."""

    #: Number of the answer.
    number: str
    #: The contact that it belongs to.
    contact: Contact
    #: Our concept, e.g. ``urine_culture``.
    specimen: str
    #: When it is taken, in minutes from the start of the region.
    minute: int
    #: When it is answered.
    answered: int
    #: SNOMED CT codes, and words of ours.
    organisms: tuple[str, ...]
    #: Colonies per ml; None where they are not counted.
    cfu_per_ml: float | None = None
    #: Editions in which it is a case.
    counted: frozenset[str] = NEITHER
    #: Outcome where it is a case.
    outcome: str = "hospital-acquired"
    #: Which scenario made it.
    scenario: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedOperation:
    """One operation on a joint."""

    #: Its number.
    number: str
    #: The contact in which it is done.
    contact: Contact
    #: When.
    minute: int
    #: ``hip`` or ``knee``.
    joint: str
    #: ``left`` or ``right``.
    side: str
    #: Done again, not the first time.
    is_again: bool
    #: Planned, not after a fracture.
    is_planned: bool
    #: The index unit, where it proves a case; empty otherwise.
    case_unit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueCase:
    """One case as it was planned."""

    #: Definition id.
    definition: str
    #: Its edition.
    edition: str
    #: Outcome by name.
    outcome: str
    #: Whose.
    patient_id: str
    #: Number of the answer or operation.
    number: str
    #: When it was sampled, in minutes from the start of the region.
    minute: int
    #: Unit that it counts to.
    unit: str
    #: Which scenario made it.
    scenario: str
