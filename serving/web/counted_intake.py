"""The FHIR door's intake with what it refuses counted."""

from ehr_io.receive.reading import BundleReading
from serving.telemetry.metrics import WebMetrics
from serving.web.fhir import StayIntake


class CountedIntake:
    """Counts refused resources by reason once the intake behind it has kept them."""

    def __init__(self, intake: StayIntake, metrics: WebMetrics) -> None:
        """Stand before *intake* and tell *metrics*."""
        self._intake = intake
        self._metrics = metrics

    async def take(self, reading: BundleReading) -> None:
        """Keep *reading*, then count what was refused.

        Raises:
            DatabaseDownError: nothing was kept, and nothing is counted.
        """
        await self._intake.take(reading)
        for refusal in reading.refusals:
            self._metrics.refused("fhir", refusal.reason_code.value)
