"""What is made of an image while the model is asked about it: whatever the answer, its picture stands on it."""

from concurrent.futures import Future, ThreadPoolExecutor

from dicom_io.results.drawing import Ground
from dicom_io.results.picture import radiograph_ground
from dicom_io.volume import Radiograph, Volume


class Groundwork:
    """The ground of one run's picture, made beside the run."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._radiograph: Radiograph | None = None
        self._ground: Future[Ground] | None = None

    def begin(self, radiograph: Radiograph) -> None:
        """Make the ground of *radiograph*, unless another was first: mostly there is one, or the first is shown."""
        if self._radiograph is not None:
            return
        maker = ThreadPoolExecutor(1)
        self._radiograph, self._ground = radiograph, maker.submit(radiograph_ground, radiograph)
        # It ends with what it was given.
        maker.shutdown(wait=False)

    def under(self, pixels: Radiograph | Volume | None) -> Future[Ground] | None:
        """The ground of *pixels*; None when it was not made."""
        return self._ground if pixels is self._radiograph else None
