"""What the definitions that rest on a culture share: episodes, windows, attribution, and the words for them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ehr_io.codes import Words
from ehr_io.definitions.edition import Attribution, Edition
from ehr_io.definitions.history import Contact, History, Sample, Specimen
from ehr_io.definitions.verdict import Outcome, Verdict
from ehr_io.definitions.windows import Place, days, place, sentence, where

#: What a sample amounts to, with the reason in words; None = nothing yet, the next question is asked.
Ruling = tuple[Outcome, Words]


@dataclass(frozen=True, kw_only=True)
class CultureDefinition:
    """One edition of a definition whose cases are positive samples."""

    #: Definition id.
    id: str
    #: What it is called.
    title: Words
    #: The wording.
    edition: Edition
    #: What is sampled.
    specimen: Specimen
    #: Answers come so long after the sample; before that a label is not mature.
    maturity: timedelta
    #: Why a sample is not positive, or the patient not one of the definition; None when it is positive.
    dismiss: Callable[[Sample, History], Ruling | None]
    #: The outcome of a positive sample of a new episode by its place.
    settle: Callable[[Place], Ruling]

    def judge(self, history: History) -> tuple[Verdict, ...]:
        """One verdict for each sample of *history*, in the order of sampling."""
        episodes = _Episodes(self.edition)
        return tuple(self._judge(sample, history, episodes) for sample in history.samples_of(self.specimen))

    def _judge(self, sample: Sample, history: History, episodes: "_Episodes") -> Verdict:
        found = place(history, sample.taken_at)
        ruling = self.dismiss(sample, history) or episodes.same(found)
        if ruling is None:
            episodes.begin(found)
            outcome, why = self.settle(found)
            ruling = outcome, why if found.within is None else sentence((why, self._counted_to(found)))
        return self._verdict(sample, history, found, ruling)

    def _counted_to(self, found: Place) -> Words:
        attribution = self.edition.attribution
        unit = found.unit(attribution)
        if not unit:
            return Words(en="The unit is not known.", da="Afdelingen kendes ikke.")
        if attribution is Attribution.UNIT_48_H_BEFORE:
            return Words(
                en=f"It counts to {unit}, where the patient was 48 h before the sample.",
                da=f"Det tæller for {unit}, hvor patienten var 48 timer før prøven.",
            )
        return Words(
            en=f"It counts to {unit}, where the sample was taken.", da=f"Det tæller for {unit}, hvor prøven blev taget."
        )

    def _verdict(self, sample: Sample, history: History, found: Place, ruling: Ruling) -> Verdict:
        contact = found.within or found.latest
        return Verdict(
            definition=self.id,
            edition=self.edition.name,
            outcome=ruling[0],
            patient_id=history.patient_id,
            stay_id=found.stay_id or sample.stay_id,
            source=sample.source,
            sampled_at=sample.taken_at,
            known_at=sample.known_at,
            unit=found.unit(self.edition.attribution),
            since=None if contact is None else contact.start,
            explanation=ruling[1],
        )


class _Episodes:
    """The episodes of one patient so far."""

    def __init__(self, edition: Edition) -> None:
        self._edition = edition
        self._began: datetime | None = None
        self._contact: Contact | None = None

    def begin(self, found: Place) -> None:
        self._began, self._contact = found.moment, found.within or found.latest

    def same(self, found: Place) -> Ruling | None:
        """Why the sample belongs to an episode that began before; None when a new one begins."""
        if self._began is None:
            return None
        since, limit = found.moment - self._began, self._edition.new_episode
        if since <= limit:
            return Outcome.SAME_EPISODE, Words(
                en=f"Positive, but {days(since)} days after the first positive sample of its episode; "
                f"a new episode needs more than {limit.days}.",
                da=f"Positiv, men {days(since)} døgn efter episodens første positive prøve; "
                f"en ny episode kræver mere end {limit.days}.",
            )
        if self._edition.once_per_contact and self._contact is not None and self._contact == found.latest:
            return Outcome.SAME_EPISODE, Words(
                en="Positive, but the contact has a case already; this edition counts one a contact.",
                da="Positiv, men kontakten har allerede et tilfælde; denne udgave tæller ét pr. kontakt.",
            )
        return None


def place_in_contact(found: Place) -> Ruling:
    """Hospital-acquired from 48 h after the start of a contact to 48 h after its end, both included."""
    at = where(found)
    if found.within is not None:
        return Outcome.HOSPITAL_ACQUIRED, Words(
            en=f"Hospital-acquired because the positive sample was taken {at.en} (from 48 h after the start to 48 h "
            "after the end counts), and no episode was open.",
            da=f"Sygehuserhvervet, fordi den positive prøve blev taget {at.da} (fra 48 timer efter start til 48 timer "
            "efter slut tæller), og ingen episode var åben.",
        )
    if found.latest is not None and (found.latest.end is None or found.moment <= found.latest.end):
        return Outcome.COMMUNITY_ACQUIRED, Words(
            en=f"Not hospital-acquired: the positive sample was taken {at.en}; 48 h or more are required.",
            da=f"Ikke sygehuserhvervet: den positive prøve blev taget {at.da}; mindst 48 timer kræves.",
        )
    return _outside(found, at)


def _outside(found: Place, at: Words) -> Ruling:
    if found.latest is None:
        return Outcome.UNDECIDABLE, Words(
            en="Positive, but the start of the contact is not known.", da="Positiv, men kontaktens start kendes ikke."
        )
    return Outcome.AFTER_CONTACT, Words(
        en=f"Not hospital-acquired: the positive sample was taken {at.en}; at most 48 h after the end count.",
        da=f"Ikke sygehuserhvervet: den positive prøve blev taget {at.da}; højst 48 timer efter slut tæller.",
    )
