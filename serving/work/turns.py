"""Whose turn it is among those that wait: the most urgent first, those who waited long moved up, senders in turn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

#: The priority of acute work.
ACUTE = 0


@dataclass(frozen=True, kw_only=True)
class Group:
    """Waiting work that only its age tells apart, and the first of it."""

    #: serving.work.item.State value: ``queued`` or ``waiting``.
    state: str
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    priority: int
    #: Model, or destination.
    model: str
    #: Who sent it; empty when nobody did.
    sender: str
    #: Since when its first could have been begun.
    waits_since: datetime


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much more may begin."""

    #: Of anything.
    places: int
    #: Of what is acute; at least as many.
    acute_places: int
    #: Of a model that is named here; of others, as many as there are places.
    by_model: Mapping[str, int]

    def has_place_for(self, group: Group) -> bool:
        """Whether the first of *group* may begin."""
        places = self.acute_places if group.priority == ACUTE else self.places
        return places > 0 and self.by_model.get(group.model, 1) > 0

    def without(self, group: Group) -> "Room":
        """The room that is left once the first of *group* has begun."""
        left = self.by_model.get(group.model)
        by_model = self.by_model if left is None else {**self.by_model, group.model: left - 1}
        return Room(places=max(0, self.places - 1), acute_places=self.acute_places - 1, by_model=by_model)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How waiting counts."""

    #: After so long a wait, work counts as one step more urgent; after twice as long, two; acute is the most.
    ageing: timedelta
    #: The longest wait that is ever set between two tries: a moment further ahead was written by another clock.
    longest_wait: timedelta

    def urgency(self, priority: int, waited: timedelta) -> int:
        """What *priority* has become after having *waited*: 0 acute to 3 backfill."""
        return max(0, priority - max(0, int(waited / self.ageing)))

    def is_due(self, group: Group, now: datetime, *, queued: str) -> bool:
        """Whether the first of *group* may begin: what is *queued* always, another try when its time has come.

        A clock that is set back must hold nothing up: no wait is believed that is longer than any that is ever set.
        """
        return group.state == queued or not now < group.waits_since <= now + self.longest_wait


#: What the issue of fairness is decided by where nothing else is said.
DEFAULT_PATIENCE = Patience(ageing=timedelta(hours=1), longest_wait=timedelta(minutes=10))


class Turns:
    """Chooses, and remembers who had the last turn; a restart forgets that, which harms nobody."""

    def __init__(self, patience: Patience = DEFAULT_PATIENCE) -> None:
        """Count waiting by *patience*."""
        self.patience = patience
        self._served: dict[str, int] = {}
        self._turn = 0

    def choose(self, groups: Iterable[Group], room: Room, now: datetime) -> Group | None:
        """The group whose first comes next, or None: all wait for their time, or for a place in *room*.

        By urgency after ageing; then the sender whose last turn lies furthest back; then who waited longest.
        """
        ready = [one for one in groups if room.has_place_for(one)]
        return min(ready, key=lambda one: self._rank(one, now), default=None)

    def served(self, group: Group) -> None:
        """The sender of *group* had its turn."""
        self._turn += 1
        self._served[group.sender] = self._turn

    def _rank(self, group: Group, now: datetime) -> tuple[int, int, datetime]:
        urgency = self.patience.urgency(group.priority, now - group.waits_since)
        return urgency, self._served.get(group.sender, 0), group.waits_since
