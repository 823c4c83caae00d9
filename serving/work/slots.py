"""How much may run at once, and who runs: a count a lane, held from claim to end."""

import threading
from collections.abc import Collection, Mapping


class Slots:
    """Places by lane; ``analyse`` is one lane, each destination another."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        """At most *limits* of each lane at once."""
        self._limits = dict(limits)
        self._holders: dict[str, set[str]] = {}
        self._expected: set[str] = set()
        self._lock = threading.Lock()

    def free(self, lane: str) -> int:
        """How many more may be claimed in *lane*; work taken up after a crash may exceed the limit for its while."""
        with self._lock:
            return max(0, self._limits.get(lane, 1) - len(self._holders.get(lane, ())))

    def expect(self, subject_ids: Collection[str]) -> None:
        """These runs will be taken up again by the engine, though nobody has claimed them in this process."""
        with self._lock:
            self._expected.update(subject_ids)

    def claim(self, lane: str, subject_id: str) -> None:
        """Hold a place in *lane* for a run that is about to begin."""
        with self._lock:
            self._holders.setdefault(lane, set()).add(subject_id)

    def begin(self, lane: str, subject_id: str) -> bool:
        """Hold the place while running; False when nobody claimed it here: the run is one from before a crash."""
        with self._lock:
            holders = self._holders.setdefault(lane, set())
            claimed = subject_id in holders
            holders.add(subject_id)
            return claimed

    def end(self, lane: str, subject_id: str) -> None:
        """Free the place."""
        with self._lock:
            self._holders.setdefault(lane, set()).discard(subject_id)
            self._expected.discard(subject_id)

    def unattended(self, subject_ids: Collection[str]) -> tuple[str, ...]:
        """Those of *subject_ids* that neither run here nor will be taken up by the engine."""
        with self._lock:
            attended = self._expected.union(*self._holders.values())
            return tuple(one for one in subject_ids if one not in attended)
