"""Deep infection after hip and knee replacement (HAIBA): a re-operation of the same joint with at least three biopsies,
at least two of which grow the same organism (Kamme's criterion), day 2 to 90 after a planned index operation.

Counts to the unit and day of the index operation, even when found elsewhere. Day 91 to 365 is told to the regions and
not published. After a bilateral replacement each side is followed on its own.

Source: Statens Serum Institut, miba.ssi.dk "hoftealloplastik", mibaen.ssi.dk "knee arthroplasty infection". Only one
wording could be read, so there is one edition.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ehr_io.codes import Words
from ehr_io.definitions.edition import Attribution, Edition
from ehr_io.definitions.history import History, Joint, Operation, Sample, Specimen
from ehr_io.definitions.verdict import Outcome, Verdict
from ehr_io.organisms import organism_name

FIRST_DAY, LAST_DAY, LAST_DAY_TOLD = 2, 90, 365
MINIMUM_BIOPSIES, SAME_ORGANISM_IN = 3, 2
#: Biopsies of one operation bear times around it.
_AROUND = timedelta(hours=24)
_SOURCE = "Statens Serum Institut, HAIBA case definitions, hip and knee replacement (miba.ssi.dk, mibaen.ssi.dk)"
_NAMES = {Joint.HIP: Words(en="hip", da="hofte"), Joint.KNEE: Words(en="knee", da="knæ")}


@dataclass(frozen=True, kw_only=True)
class JointDefinition:
    """One edition of the definition for one joint."""

    #: Definition id.
    id: str
    #: What it is called.
    title: Words
    #: The wording.
    edition: Edition
    #: Which joint.
    joint: Joint
    #: The follow-up that is published.
    maturity: timedelta

    def judge(self, history: History) -> tuple[Verdict, ...]:
        """One verdict for each re-operation of the joint that follows an index operation; the first case of each."""
        indexes = [one for one in history.operations if one.joint is self.joint and not one.is_again]
        again = [one for one in history.operations if one.joint is self.joint and one.is_again]
        verdicts: list[Verdict] = []
        infected: set[str] = set()
        for operation in again:
            index = _index_of(operation, indexes)
            if index is None:
                continue
            outcome, why = self._rule(operation, index, history, is_infected=index.source in infected)
            infected |= {index.source} if outcome is Outcome.HOSPITAL_ACQUIRED else set()
            verdicts.append(self._verdict(operation, index, history, (outcome, why)))
        return tuple(verdicts)

    def _rule(
        self, operation: Operation, index: Operation, history: History, *, is_infected: bool
    ) -> tuple[Outcome, Words]:
        day = (operation.at.date() - index.at.date()).days
        organism, found = _grown(_biopsies(operation, history))
        if organism is None:
            return Outcome.NEGATIVE, found
        if not FIRST_DAY <= day <= LAST_DAY:
            return Outcome.OUTSIDE_FOLLOW_UP, Words(
                en=f"{found.en} Day {day} after the index operation; day 2 to 90 counts.",
                da=f"{found.da} Dag {day} efter indeksoperationen; dag 2 til 90 tæller.",
            )
        if not index.is_planned:
            return Outcome.ACUTE_OPERATION, Words(
                en=f"{found.en} The index operation was acute; planned ones are counted.",
                da=f"{found.da} Indeksoperationen var akut; kun planlagte tælles.",
            )
        if is_infected:
            return Outcome.SAME_EPISODE, Words(
                en=f"{found.en} The index operation has a case already.",
                da=f"{found.da} Indeksoperationen har allerede et tilfælde.",
            )
        joint = _NAMES[self.joint]
        return Outcome.HOSPITAL_ACQUIRED, Words(
            en=f"Hospital-acquired because the {joint.en} was operated on again on day {day} after a planned "
            f"replacement (2 to 90 counts). {found.en} It counts to the unit of the index operation.",
            da=f"Sygehuserhvervet, fordi {joint.da} blev reopereret dag {day} efter en planlagt alloplastik "
            f"(2 til 90 tæller). {found.da} Det tæller for indeksoperationens afdeling.",
        )

    def _verdict(
        self, operation: Operation, index: Operation, history: History, ruling: tuple[Outcome, Words]
    ) -> Verdict:
        biopsies = _biopsies(operation, history)
        return Verdict(
            definition=self.id,
            edition=self.edition.name,
            outcome=ruling[0],
            patient_id=history.patient_id,
            stay_id=index.stay_id,
            source=operation.source,
            sampled_at=operation.at,
            known_at=max([operation.known_at, *(sample.known_at for sample in biopsies)]),
            unit=_unit_at(history, index),
            since=index.at,
            explanation=ruling[1],
        )


def _index_of(operation: Operation, indexes: Sequence[Operation]) -> Operation | None:
    """The newest replacement of the same side before *operation*, within a year; a side that is not told fits both."""
    fitting = [
        index
        for index in indexes
        if index.at < operation.at
        and (operation.at.date() - index.at.date()).days <= LAST_DAY_TOLD
        and (index.side == operation.side or not index.side or not operation.side)
    ]
    return max(fitting, key=lambda index: (index.side == operation.side, index.at), default=None)


def _unit_at(history: History, index: Operation) -> str:
    begun = [contact for contact in history.contacts if contact.start <= index.at]
    return begun[-1].ward_at(index.at) if begun else ""


def _biopsies(operation: Operation, history: History) -> list[Sample]:
    return [one for one in history.samples_of(Specimen.JOINT) if abs(one.taken_at - operation.at) <= _AROUND]


def _grown(biopsies: Sequence[Sample]) -> tuple[str | None, Words]:
    """The organism that two biopsies grew, None without one; and what was found, in words."""
    if len(biopsies) < MINIMUM_BIOPSIES:
        return None, Words(
            en=f"{len(biopsies)} biopsies; at least 3 are required.", da=f"{len(biopsies)} biopsier; mindst 3 kræves."
        )
    counts = Counter(code for sample in biopsies for code in set(sample.organisms))
    code, times = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    if times < SAME_ORGANISM_IN:
        return None, Words(
            en=f"No organism in 2 of {len(biopsies)} biopsies.",
            da=f"Ingen mikroorganisme i 2 af {len(biopsies)} biopsier.",
        )
    name = organism_name(code)
    return code, Words(
        en=f"{name} grew in {times} of {len(biopsies)} biopsies.",
        da=f"{name} voksede i {times} af {len(biopsies)} biopsier.",
    )


def _definition(joint: Joint, title: Words) -> JointDefinition:
    edition = Edition(
        name="2019", new_episode=timedelta(days=LAST_DAY_TOLD), attribution=Attribution.INDEX_UNIT, source=_SOURCE
    )
    return JointDefinition(
        id=f"haiba-deep-infection-{joint.value}",
        title=title,
        edition=edition,
        joint=joint,
        maturity=timedelta(days=LAST_DAY + 7),
    )


#: After hip replacement.
HIP_2019 = _definition(
    Joint.HIP, Words(en="Deep infection after hip replacement", da="Dyb infektion efter hoftealloplastik")
)
#: After knee replacement.
KNEE_2019 = _definition(
    Joint.KNEE, Words(en="Deep infection after knee replacement", da="Dyb infektion efter knæalloplastik")
)
