"""From an analysis to result objects on disk: what any destination's profile asks for, each object once."""

from collections.abc import Sequence
from pathlib import Path

from dicom_io.results.write import WrittenObject, write_results
from dicom_io.study import Study
from serving.groundwork import Groundwork
from serving.pipeline import Analysis
from serving.records.work import WorkItem
from serving.settings.destinations import AnyDestination
from serving.stopwatch import Stopwatch
from serving.telemetry.metric_table import Stage


class Composer:
    """Writes the objects of one site's destinations."""

    def __init__(self, results_dir: Path, destinations: Sequence[AnyDestination]) -> None:
        """Write below *results_dir*, one directory a work item."""
        self._results_dir = results_dir
        self._profiles = tuple(profile for one in destinations for profile in (one.profile, one.fallback))

    def compose(
        self, item: WorkItem, study: Study, analysis: Analysis, groundwork: Groundwork, stopwatch: Stopwatch
    ) -> tuple[WrittenObject, ...]:
        """Write the objects of *analysis*, and the picture that pages show, on its *groundwork*.

        Raises:
            ConformanceError: an object breaks a rule; nothing of it was written.
        """
        directory = self._results_dir / item.id
        with stopwatch.time(Stage.COMPOSE):
            ground = groundwork.under(analysis.pixels)
            return write_results(analysis.report, study, analysis.pixels, self._profiles, directory, ground)
