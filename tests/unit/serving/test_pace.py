"""A destination is not sent more than it bears."""

from pathlib import Path

from dicom_io.send.memory import MemoryDestination
from serving.pace import PacedOutlet
from tests.factories.dicom import structured_report, write


def test_after_some_objects_the_next_are_held_back_until_their_time(tmp_path: Path):
    now, waited = [100.0], []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    paced = PacedOutlet(MemoryDestination(), 30, clock=lambda: now[0], sleep=sleep)
    paths = write([structured_report(name=str(number)) for number in range(3)], tmp_path)

    paced.send(paths)
    paced.send(paths[:1])
    now[0] += 60
    paced.send(paths)

    assert waited == [6.0]
