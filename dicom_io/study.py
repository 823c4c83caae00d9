"""Study, Series and Instance as read from headers: typed, frozen, without pixels."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One SOP Instance on disk, with the header values that rules and geometry need."""

    #: SOP Instance UID (0008,0018).
    sop_instance_uid: str
    #: SOP Class UID (0008,0016).
    sop_class_uid: str
    #: Transfer Syntax UID (0002,0010).
    transfer_syntax_uid: str
    #: Where its DICOM file (PS3.10) lies in the spool.
    path: Path
    #: Instance Number (0020,0013); 0 when absent.
    instance_number: int = 0
    #: Rows, Columns (0028,0010), (0028,0011); 0 when there are no pixels.
    rows: int = 0
    columns: int = 0
    #: Number of Frames (0028,0008).
    number_of_frames: int = 1
    #: Image Type (0008,0008), e.g. ``("ORIGINAL", "PRIMARY", "AXIAL")``.
    image_type: tuple[str, ...] = ()
    #: Photometric Interpretation (0028,0004); empty when there are no pixels.
    photometric_interpretation: str = ""
    #: View Position (0018,5101): ``PA``, ``AP``, ``LL``; empty when unknown.
    view_position: str = ""
    #: Image Position (Patient) (0020,0032): x, y, z in mm, LPS; None when absent.
    image_position: tuple[float, float, float] | None = None
    #: Image Orientation (Patient) (0020,0037): row then column cosines; None when absent.
    image_orientation: tuple[float, float, float, float, float, float] | None = None
    #: Spacing between rows, between columns in mm: Pixel Spacing, else Imager Pixel Spacing; None when absent.
    pixel_spacing_mm: tuple[float, float] | None = None
    #: Whether the header says that there are pixels to read.
    has_pixels: bool = True


@dataclass(frozen=True, kw_only=True)
class Series:
    """Instances that share a Series Instance UID."""

    #: Series Instance UID (0020,000E).
    series_instance_uid: str
    #: Modality (0008,0060), upper case; empty when absent.
    modality: str
    #: Body Part Examined (0018,0015), upper case; empty when absent.
    body_part: str
    #: Series Description (0008,103E); empty when absent.
    description: str
    #: Frame of Reference UID (0020,0052); empty when absent.
    frame_of_reference_uid: str
    #: In the order of instance number, then UID.
    instances: tuple[Instance, ...]


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study as it stood when a generation of it was closed."""

    #: Study Instance UID (0020,000D).
    study_instance_uid: str
    #: Patient ID (0010,0020); personal data: never logged, never in the work engine.
    patient_id: str
    #: Patient's Name (0010,0010) as text; personal data.
    patient_name: str
    #: Patient's Age in years from (0010,1010) or birth and study date; None when unknown.
    patient_age_years: float | None
    #: Accession Number (0008,0050); empty when absent.
    accession_number: str
    #: Study Date (0008,0020) as ``YYYYMMDD``; empty when absent.
    study_date: str
    #: Study Description (0008,1030); empty when absent.
    description: str
    #: In the order of series UID.
    series: tuple[Series, ...]

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Every instance of every series."""
        return tuple(instance for series in self.series for instance in series.instances)
