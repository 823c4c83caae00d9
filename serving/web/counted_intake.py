"""The FHIR door's intake with what it refuses counted."""

from collections.abc import Sequence

from ehr_io.receive.reading import BundleReading, ResourceRefusal
from serving.telemetry.metrics import WebMetrics
from serving.web.fhir import StayIntake


class CountedIntake:
    """Counts refused resources by reason once the intake behind it has kept them."""

    def __init__(self, intake: StayIntake, metrics: WebMetrics) -> None:
        """Stand before *intake* and tell *metrics*."""
        self._intake = intake
        self._metrics = metrics

    async def take(self, reading: BundleReading) -> Sequence[ResourceRefusal]:
        """Keep *reading*, then count what was refused, now or before.

        Raises:
            DatabaseDownError: nothing was kept, and nothing is counted.
        """
        denied = await self._intake.take(reading)
        for refusal in (*reading.refusals, *denied):
            self._metrics.refused("fhir", refusal.reason_code.value)
        return denied
