"""One score under one policy: alert or not, and why. Pure: live and replayed, the same history is decided alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ehr_io.codes import Words
from serving.alerts.policy import AlertPolicy, Mode


class Verdict(Enum):
    """What became of a score."""

    #: Somebody is told.
    ALERT = "alert"
    #: It would be an alert, but the policy is silent.
    SILENT_ALERT = "silent_alert"
    #: Below the threshold.
    BELOW = "below"
    #: At or above it, but not for long enough.
    NOT_HELD = "not_held"
    #: An infection is known already.
    KNOWN = "known"
    #: An antibiotic was given lately.
    TREATED = "treated"
    #: Somebody snoozed the stay.
    SNOOZED = "snoozed"
    #: An alert of this stay is not long ago.
    REFRACTORY = "refractory"
    #: Not enough higher than at the alert before.
    NOT_HIGHER = "not_higher"
    #: The ward has had its alerts of this shift.
    CAPPED = "capped"


#: What people read; {…} are numbers of the policy.
WORDS = {
    Verdict.ALERT: Words(en="Alert.", da="Varslet."),
    Verdict.SILENT_ALERT: Words(
        en="Would be an alert; the policy runs silently.", da="Ville have varslet; politikken kører tavst."
    ),
    Verdict.BELOW: Words(en="Below the alert threshold.", da="Under varslingsgrænsen."),
    Verdict.NOT_HELD: Words(
        en="At or above the threshold in fewer than {hold} of the last {hold_of} scores.",
        da="På eller over grænsen i færre end {hold} af de seneste {hold_of} beregninger.",
    ),
    Verdict.KNOWN: Words(en="An infection is already known.", da="En infektion er allerede kendt."),
    Verdict.TREATED: Words(
        en="An antibiotic was given within {treated_hours:g} h.",
        da="Der er givet antibiotika inden for {treated_hours:g} timer.",
    ),
    Verdict.SNOOZED: Words(en="Snoozed by a clinician.", da="Udsat af en kliniker."),
    Verdict.REFRACTORY: Words(
        en="Alerted less than {refractory_hours:g} h ago.",
        da="Varslet for mindre end {refractory_hours:g} timer siden.",
    ),
    Verdict.NOT_HIGHER: Words(
        en="Not {repeat_rise:.0%} points higher than at the alert before.",
        da="Ikke {repeat_rise:.0%}-point højere end ved forrige varsel.",
    ),
    Verdict.CAPPED: Words(
        en="The ward has had its {cap_per_shift} alerts of this shift; the next shift decides anew.",
        da="Afsnittet har fået sine {cap_per_shift} varsler i denne vagt; næste vagt afgør på ny.",
    ),
}


@dataclass(frozen=True, kw_only=True)
class PastAlert:
    """The newest alert of a stay."""

    #: Hours on the clock of the scene.
    at: float
    #: The risk then, 0 to 1.
    probability: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is known of a stay at the moment of a new score; all times are hours on one clock."""

    #: Now.
    at: float
    #: Risks of this stay and model, oldest first; the last is the new one.
    scores: Sequence[float]
    #: Its newest alert, also a silent one; None without one.
    last_alert: PastAlert | None = None
    #: Snoozed until then; None when not.
    snoozed_until: float | None = None
    #: When the newest antibiotic was given; None when none was.
    treated_at: float | None = None
    #: When the newest infection was known; None when none is.
    known_at: float | None = None
    #: Alerts of the ward in this shift so far.
    ward_alerts: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the policy says of one score."""

    #: What became of it.
    verdict: Verdict
    #: Why, in words.
    reason: Words

    @property
    def is_alert(self) -> bool:
        """Whether it counts as an alert, told or silent."""
        return self.verdict in {Verdict.ALERT, Verdict.SILENT_ALERT}


def decide(policy: AlertPolicy, scene: Scene) -> Decision:
    """What *policy* says of the newest score of *scene*.

    Raises:
        ValueError: the policy has no threshold yet.
    """
    verdict = verdict_of(policy, scene)
    words, values = WORDS[verdict], policy.model_dump()
    return Decision(verdict=verdict, reason=Words(en=words.en.format(**values), da=words.da.format(**values)))


def verdict_of(policy: AlertPolicy, scene: Scene) -> Verdict:
    """The verdict of `decide` without its words, for many scores at once.

    Raises:
        ValueError: the policy has no threshold yet.
    """
    alert = Verdict.ALERT if policy.mode is Mode.LIVE else Verdict.SILENT_ALERT
    return _held_back(policy, scene) or alert


def shift_of(policy: AlertPolicy, at: float) -> int:
    """Number of the shift in which the hour *at* lies."""
    return int(at // policy.shift_hours)


def _held_back(policy: AlertPolicy, scene: Scene) -> Verdict | None:
    """Why there is no alert; None when there is one. What is said of the patient comes before what spares the ward."""
    if policy.threshold is None:
        raise ValueError(f"policy '{policy.name}' has no threshold; find one with `varsel alerts simulate`")
    if scene.scores[-1] < policy.threshold:
        return Verdict.BELOW
    if sum(score >= policy.threshold for score in scene.scores[-policy.hold_of :]) < policy.hold:
        return Verdict.NOT_HELD
    if _is_within(scene.known_at, policy.known_hours, scene.at):
        return Verdict.KNOWN
    if _is_within(scene.treated_at, policy.treated_hours, scene.at):
        return Verdict.TREATED
    if scene.snoozed_until is not None and scene.at < scene.snoozed_until:
        return Verdict.SNOOZED
    return _spared(policy, scene)


def _spared(policy: AlertPolicy, scene: Scene) -> Verdict | None:
    last = scene.last_alert
    if last is not None and scene.at - last.at < policy.refractory_hours:
        return Verdict.REFRACTORY
    if last is not None and policy.repeat_rise and scene.scores[-1] < last.probability + policy.repeat_rise:
        return Verdict.NOT_HIGHER
    if policy.cap_per_shift is not None and scene.ward_alerts >= policy.cap_per_shift:
        return Verdict.CAPPED
    return None


def _is_within(moment: float | None, hours: float, now: float) -> bool:
    return moment is not None and hours > 0 and 0 <= now - moment < hours
