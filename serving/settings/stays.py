"""Settings of when stays are scored, beside every event."""

from pydantic import Field

from serving.settings.section import Section


class Stays(Section):
    """When running stays are scored although nothing new was told of them."""

    #: A running stay is scored anew when its newest score is so old; 0 = on events alone.
    every_minutes: float = Field(default=60.0, ge=0)
    #: Not when nothing was told of it for so long: its feed may be down, and a score would rest on what is missing.
    silent_hours: float = Field(default=24.0, gt=0)
    #: A score of a running stay that is older than this is marked on the pages and counted.
    stale_hours: float = Field(default=6.0, gt=0)
