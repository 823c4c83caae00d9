"""How large an image may be before it is refused with a reason, instead of by the system's memory killer."""

from pydantic import Field

from serving.settings.section import Section


class Images(Section):
    """What is read of an image at most; every limit is checked before anything is allocated."""

    #: Pixels of one image; more than any detector has, or a header that is wrong or hostile.
    maximum_pixels: int = Field(default=100_000_000, ge=1)
    #: Voxels of one series, four bytes each in memory.
    maximum_voxels: int = Field(default=2**30, ge=1)
