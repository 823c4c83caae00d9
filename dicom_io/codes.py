"""Coded concepts (PS3.3 8.8): what our results may say, in SNOMED CT, DCM and UCUM."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Code:
    """One coded concept."""

    #: Code Value (0008,0100).
    value: str
    #: Coding Scheme Designator (0008,0102): ``SCT``, ``DCM``, ``UCUM`` or ``99VARSEL``.
    scheme: str
    #: Code Meaning (0008,0104), English, at most 64 characters: viewers match structural meanings by text.
    meaning: str


PRESENT = Code(value="52101004", scheme="SCT", meaning="Present")
ABSENT = Code(value="2667000", scheme="SCT", meaning="Absent")
DIAMETER = Code(value="81827009", scheme="SCT", meaning="Diameter")
VOLUME = Code(value="118565006", scheme="SCT", meaning="Volume")
LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")
#: Private concepts: no standard code says just this. Scheme 99VARSEL, declared in each object.
MODEL_PROBABILITY = Code(value="model-prob", scheme="99VARSEL", meaning="Model probability")
ANALYSIS_OUTCOME = Code(value="analysis-outcome", scheme="99VARSEL", meaning="AI analysis outcome")
NOT_ANALYSED = Code(value="not-analysed", scheme="99VARSEL", meaning="Not analysed")
ANALYSIS_FAILED = Code(value="failed", scheme="99VARSEL", meaning="Analysis failed")
NO_FINDING = Code(value="no-finding", scheme="99VARSEL", meaning="Analysed, no finding")
FINDING_REPORTED = Code(value="finding", scheme="99VARSEL", meaning="Analysed, finding reported")
NO_UNITS = Code(value="1", scheme="UCUM", meaning="no units")
MILLIMETRE = Code(value="mm", scheme="UCUM", meaning="mm")
CUBIC_MILLIMETRE = Code(value="mm3", scheme="UCUM", meaning="mm3")
