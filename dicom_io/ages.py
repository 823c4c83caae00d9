"""How old a patient was at the time of a study."""

from datetime import date

from dicom_io.elements import Elements

_DAYS_PER_YEAR = 365.2425
#: Days in one D, W, M, Y of an Age String (PS3.5 6.2, AS).
_DAYS_PER_AGE_UNIT = {"D": 1.0, "W": 7.0, "M": _DAYS_PER_YEAR / 12, "Y": _DAYS_PER_YEAR}
#: Above this a birth date is a placeholder such as 19000101 or 18000101.
_MAXIMUM_AGE_YEARS = 125


def plain_date(text: str) -> str:
    """A date (PS3.5 6.2, DA) as ``YYYYMMDD``; empty when *text* is none."""
    # ACR-NEMA wrote 1997.04.24, and PS3.5 6.2 (DA) asks readers to take it.
    digits = text.replace(".", "")
    return digits if len(digits) == 8 and digits.isascii() and digits.isdigit() else ""


def age_years(elements: Elements) -> float | None:
    """Patient's Age in years from (0010,1010), else from birth and study date; None when unknown."""
    age = elements.text("PatientAge").upper()
    # Scanners write "000Y" for "not entered": a zero is no answer.
    if age[-1:] in _DAYS_PER_AGE_UNIT and age[:-1].isascii() and age[:-1].isdigit() and int(age[:-1]) > 0:
        return int(age[:-1]) * _DAYS_PER_AGE_UNIT[age[-1]] / _DAYS_PER_YEAR
    born, examined = _ordinal(elements.text("PatientBirthDate")), _ordinal(elements.text("StudyDate"))
    if born is None or examined is None or not 0 <= examined - born <= _MAXIMUM_AGE_YEARS * _DAYS_PER_YEAR:
        return None
    return (examined - born) / _DAYS_PER_YEAR


def _ordinal(text: str) -> int | None:
    digits = plain_date(text)
    if not digits:
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).toordinal()
    except ValueError:
        return None
