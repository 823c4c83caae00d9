"""Deliveries to one destination may go at once, and are still not sent faster than it bears."""

import threading
from collections.abc import Sequence
from pathlib import Path

from dicom_io.send.destination import Receipt, Refusal
from dicom_io.send.memory import MemoryDestination
from serving.pace import PacedOutlet, SharedOutlet


class Meeting(MemoryDestination):
    """Sends only while another sends too."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self._barrier = barrier

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        self._barrier.wait(10)
        return super().send(objects)


def test_two_deliveries_go_at_once_each_on_its_own_connection():
    barrier = threading.Barrier(2)
    shared = SharedOutlet([Meeting(barrier), Meeting(barrier)])
    other = threading.Thread(target=shared.send, args=([],))
    other.start()

    shared.send([])

    other.join(10)
    assert not other.is_alive()


def test_the_pace_holds_for_all_callers_together():
    waited: list[float] = []
    paced = PacedOutlet(MemoryDestination(), 60, clock=lambda: 100.0, sleep=waited.append)

    for _ in range(3):
        paced.send([])
    paced._outlet = _Deaf()
    for _ in range(3):
        paced.send([Path("a"), Path("b")])

    assert waited == [2.0, 4.0]


class _Deaf(MemoryDestination):
    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        del objects
        return ()
