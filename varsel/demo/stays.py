"""Two invented stays, one with an infection under way and one without, as FHIR Bundles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from training.phantoms.stay_fhir import to_fhir
from training.phantoms.stays import SyntheticStay, synthesize_stays
from varsel.demo.case import Answer, DemoCase, Expectation
from varsel.demo.words import Words

#: Stays drawn to choose from, from a seed that no training uses.
_DRAWN, _SEED = 300, 424_242
#: So long after an infection began the signs are there and no culture has been taken.
_INTO_INFECTION = timedelta(hours=20)
_INTO_STAY = timedelta(hours=60)


@dataclass(frozen=True, kw_only=True)
class DemoStay:
    """One stay as it is told."""

    #: Logical id of its Encounter.
    stay_id: str
    #: What is posted.
    bundle: Mapping[str, Any]


def stay_cases(run: str, words: Words) -> tuple[DemoCase, ...]:
    """The two stays as cases of the demonstration."""
    expected = Expectation(answers=frozenset({Answer.FINDING, Answer.NO_FINDING}), has_risk=True)
    return tuple(
        DemoCase(key=key, title=words.titles[key], case_id=stay.stay_id, bundle=stay.bundle, expected=expected)
        for key, stay in zip(("stay-high", "stay-low"), high_and_low(run), strict=True)
    )


def high_and_low(run: str) -> tuple[DemoStay, DemoStay]:
    """The stay with the clearest signs of an infection that is under way, and the calmest one; ids end in *run*."""
    drawn = synthesize_stays(_DRAWN, _SEED)
    infected = [(made, made.onset + _INTO_INFECTION) for made in drawn if made.onset is not None]
    calm = [(made, made.admitted_at + _INTO_STAY) for made in drawn if made.onset is None and _lasts(made)]
    highest = max(infected, key=lambda pair: _signs(*pair))
    lowest = min(calm, key=lambda pair: _signs(*pair))
    return _told(*highest, run), _told(*lowest, run)


def _lasts(made: SyntheticStay) -> bool:
    return made.discharged_at > made.admitted_at + _INTO_STAY


def _signs(made: SyntheticStay, until: datetime) -> float:
    """How much speaks for an infection in what was known by *until*: for choosing, not for patients."""
    known = made.stay.as_of(until).events
    day_ago = until - timedelta(hours=24)
    newest = {event.code: event.value for event in known if event.value is not None and event.event_time > day_ago}
    has_catheter = any(event.code == "urinary_catheter" for event in known)
    fever = (newest.get("temperature") or 38.0) - 37.0
    # A stay of which nothing was measured is neither high nor low.
    return fever + (newest.get("c_reactive_protein") or 60.0) / 60 + 1.5 * has_catheter


def _told(made: SyntheticStay, until: datetime, run: str) -> DemoStay:
    stay_id = made.stay.stay_id
    # Each run tells of another stay; the same one again would be a correction of what is known.
    text = json.dumps(to_fhir(made, until)).replace(stay_id, f"{stay_id}-{run}")
    return DemoStay(stay_id=f"{stay_id}-{run}", bundle=json.loads(text))
