"""Study, Series and Instance as read from headers: typed, frozen, without pixels."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: Enhanced CT, Enhanced MR, Legacy Converted Enhanced CT, MR and PET, Enhanced PET (PS3.4 B.5).
_ENHANCED = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.2.2",
        "1.2.840.10008.5.1.4.1.1.4.1",
        "1.2.840.10008.5.1.4.1.1.4.4",
        "1.2.840.10008.5.1.4.1.1.128.1",
        "1.2.840.10008.5.1.4.1.1.130",
    }
)


class SpacingBasis(StrEnum):
    """Where the pixel spacing of an image holds (PS3.3 10.7.1.3): only some of it measures the patient."""

    #: In the slice itself: CT, MR.
    PATIENT = "patient"
    #: In the patient, by a known geometry or an object of known size (0028,0A02), or by the magnification (0018,1114).
    CALIBRATED = "calibrated"
    #: At the detector or on the film: the patient's structures are magnified on it by an unknown, small factor.
    DETECTOR = "detector"
    #: There is no spacing: nothing can be said in millimetres.
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """What tells apart images of one series that lie at one place: phases, time points, echoes, reconstructions."""

    #: Temporal Position Identifier (0020,0100); 0 when absent.
    temporal_position: int = 0
    #: Acquisition Number (0020,0012); 0 when absent.
    number: int = 0
    #: Trigger Time (0018,1060) in ms after the R peak; -1 when absent.
    trigger_time_ms: float = -1.0
    #: Echo Number(s) (0018,0086); 0 when absent.
    echo: int = 0
    #: Convolution Kernel (0018,1210); empty when absent.
    kernel: str = ""
    #: Acquisition Time (0008,0032) as text; empty when absent.
    time: str = ""


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
    #: Spacing between rows, between columns in mm; None when absent.
    pixel_spacing_mm: tuple[float, float] | None = None
    #: Where that spacing holds.
    spacing_basis: SpacingBasis = SpacingBasis.UNKNOWN
    #: Phase, time point, echo, reconstruction.
    acquisition: Acquisition = Acquisition()
    #: Frame of Reference UID (0020,0052), once its study is assembled; empty when absent.
    frame_of_reference_uid: str = ""
    #: Whether it was ever compressed with loss (0028,2110).
    is_lossy: bool = False
    #: Whether the header says that there are pixels to read.
    has_pixels: bool = True

    @property
    def is_enhanced(self) -> bool:
        """Whether its frames say where they lie in functional groups (PS3.3 C.7.6.16)."""
        return self.sop_class_uid in _ENHANCED


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
