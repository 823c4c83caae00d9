"""Settings of performing UPS work items."""

from pathlib import Path

from pydantic import Field

from serving.settings.section import AeTitle, Section


class Ups(Section):
    """Work items (UPS-RS): those created at our own door, and those of a manager elsewhere."""

    #: Root of the DICOMweb services of a UPS manager whose work items are performed too; empty = none.
    manager_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    #: File with the bearer token for the manager; empty = none.
    token_file: Path | None = None
    #: How we subscribe at the manager.
    ae_title: AeTitle = "VARSEL"
    #: How often new work items and progress are looked for.
    poll_seconds: float = Field(default=1.0, gt=0)
    #: Work items claimed at once.
    maximum_claimed: int = Field(default=16, ge=1)
    #: A work item whose input is not here after so long is cancelled with that reason.
    input_wait_seconds: float = Field(default=3600.0, gt=0)
    #: Archive (``archives``) that input is taken from when the work item names none that is known; empty = none.
    archive: str = ""
    timeout_seconds: float = Field(default=30.0, gt=0)
