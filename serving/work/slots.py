"""How much may run at once, and who runs: a count a lane, held from claim to end."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from enum import Enum

from serving.work.turns import DEFAULT_PATIENCE, Patience, Turns


class Begun(Enum):
    """What a run that begins is to the work it is for."""

    #: It was claimed in this process.
    CLAIMED = "claimed"
    #: Nobody claimed it here: the run is one from before a crash.
    TAKEN_UP = "taken_up"
    #: Another run does the same work at this moment, and this one must leave it alone.
    BUSY = "busy"


class Slots:
    """Places by lane; ``analyse`` is one lane, each destination another."""

    def __init__(
        self,
        limits: Mapping[str, int],
        per_model: Mapping[str, int] | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        acute_places: int = 0,
    ) -> None:
        """At most *limits* of each lane at once, and *per_model* of each model that is named there.

        Acute cases find *acute_places* more, so that they need not wait until another case ends.
        """
        self._acute_places = acute_places
        #: Whose turn it is when a place is free.
        self.turns = Turns(patience)
        self._limits = dict(limits)
        self._per_model = dict(per_model or {})
        self._models: dict[str, str] = {}
        self._holders: dict[str, set[str]] = {}
        self._running: set[str] = set()
        self._expected: set[str] = set()
        self._lock = threading.Lock()

    def free(self, lane: str) -> int:
        """How many more may be claimed in *lane*; work taken up after a crash may exceed the limit for its while."""
        with self._lock:
            return max(0, self._limits.get(lane, 1) - len(self._holders.get(lane, ())))

    def free_for_acute(self, lane: str) -> int:
        """How many more may be claimed in *lane* of what is acute."""
        with self._lock:
            return max(0, self._limits.get(lane, 1) + self._acute_places - len(self._holders.get(lane, ())))

    def free_by_model(self) -> dict[str, int]:
        """How many more of each model that has a limit of its own may be claimed."""
        with self._lock:
            running = Counter(self._models.values())
        return {model: max(0, limit - running[model]) for model, limit in self._per_model.items()}

    def works_on(self, subject_id: str, model: str) -> None:
        """The run for *subject_id* uses *model*."""
        with self._lock:
            self._models[subject_id] = model

    def count(self) -> int:
        """How many places are held in all lanes together."""
        with self._lock:
            return sum(map(len, self._holders.values()))

    def expect(self, subject_ids: Collection[str]) -> None:
        """These runs will be taken up again by the engine, though nobody has claimed them in this process."""
        with self._lock:
            self._expected.update(subject_ids)

    def claim(self, lane: str, subject_id: str) -> None:
        """Hold a place in *lane* for a run that is about to begin."""
        with self._lock:
            self._holders.setdefault(lane, set()).add(subject_id)

    def reserve(self, lane: str, name: str) -> bool:
        """Hold a place in *lane* under *name*, if one is free, until `end`: for a run that is yet to be chosen."""
        with self._lock:
            holders = self._holders.setdefault(lane, set())
            if len(holders) >= self._limits.get(lane, 1):
                return False
            holders.add(name)
            return True

    def begin(self, lane: str, subject_id: str) -> Begun:
        """Hold the place while running, until `end`; not when busy.

        A run from before a crash may come so late that its work was put back and claimed anew by then.
        """
        with self._lock:
            if subject_id in self._running:
                return Begun.BUSY
            holders = self._holders.setdefault(lane, set())
            is_claimed = subject_id in holders
            holders.add(subject_id)
            self._running.add(subject_id)
            return Begun.CLAIMED if is_claimed else Begun.TAKEN_UP

    def end(self, lane: str, subject_id: str) -> None:
        """Free the place."""
        with self._lock:
            self._holders.setdefault(lane, set()).discard(subject_id)
            self._running.discard(subject_id)
            self._expected.discard(subject_id)
            self._models.pop(subject_id, None)

    def unattended(self, subject_ids: Collection[str]) -> tuple[str, ...]:
        """Those of *subject_ids* that neither run here nor will be taken up by the engine."""
        with self._lock:
            attended = self._expected.union(*self._holders.values())
            return tuple(one for one in subject_ids if one not in attended)
