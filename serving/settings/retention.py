"""How long things are kept."""

from pydantic import Field

from serving.settings.section import Section


class Retention(Section):
    """How long things are kept that have come to their end; 0 days keeps them for ever.

    Never given up, however old: what is not analysed to its end, not delivered, or not committed where that is asked.
    """

    #: How often the worker clears away; 0 = only `varsel clean` does.
    every_hours: float = Field(default=6.0, ge=0)
    #: Received images, from the last one of their study on; the archive has them.
    images_days: float = Field(default=30.0, ge=0)
    #: ... of a study of which an analysis failed: someone may want to try again.
    failed_images_days: float = Field(default=90.0, ge=0)
    #: Bytes of result objects and pictures. Once they are gone, a result cannot be withdrawn any more.
    results_days: float = Field(default=365.0, ge=0)
    #: Bytes that were refused at a door; that they were, and why, is kept.
    refused_days: float = Field(default=90.0, ge=0)
    #: Messages of the HL7 feed that were refused, then mended and taken.
    messages_days: float = Field(default=90.0, ge=0)
    #: What the work engine keeps of runs that have ended.
    runs_days: float = Field(default=7.0, ge=0)
