"""How numbers, moments and names look on a page."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ehr_io.results.wording import unit_words


@dataclass(frozen=True, kw_only=True)
class Formats:
    """The writing habits of one language."""

    #: ``da`` or ``en``.
    language: str
    #: The clock on the ward's wall; the server's may be another.
    zone: ZoneInfo

    def moment(self, value: datetime) -> str:
        """Date and time to the second, by the ward's clock."""
        pattern = "%d.%m.%Y %H.%M.%S" if self.language == "da" else "%Y-%m-%d %H:%M:%S"
        return value.astimezone(self.zone).strftime(pattern)

    def field(self, value: datetime) -> str:
        """Date and time as a browser's field for them takes it, by the ward's clock."""
        return value.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")

    def day(self, value: datetime) -> str:
        """Day and month, by the ward's clock."""
        return value.astimezone(self.zone).strftime("%d.%m." if self.language == "da" else "%d %b")

    def date(self, value: date) -> str:
        """A day of a year."""
        return value.strftime("%d.%m.%Y" if self.language == "da" else "%Y-%m-%d")

    def count(self, value: float) -> str:
        """A whole number, its thousands apart from ten thousand on."""
        text = f"{value:,.0f}" if value >= 10_000 else f"{value:.0f}"
        return text.replace(",", ".") if self.language == "da" else text

    def unit(self, ucum: str) -> str:
        """A UCUM unit as people write it."""
        return unit_words(ucum, self.language)

    def number(self, value: float, digits: int = 1) -> str:
        """*value* with *digits* decimals at most, whole numbers bare."""
        text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
        return self._comma("0" if text == "-0" else text)

    def percent(self, value: float) -> str:
        """A probability 0 to 1 as percent; never rounded to a certainty that it is not."""
        if 0 < value < 0.001:
            return self._comma("< 0.1 %")
        if 0.999 < value < 1:
            return self._comma("> 99.9 %")
        return self._comma(f"{value * 100:.1f} %")

    def seconds(self, value: float) -> str:
        """A duration in seconds: as milliseconds below one, to the hundredth below ten."""
        if value < 1:
            return f"{value * 1000:.0f} ms"
        return self._comma(f"{value:.2f} s" if value < 10 else f"{value:.0f} s")

    def person(self, name: str) -> str:
        """A DICOM person name (PS3.5 6.2.1) as family name, given names."""
        family, _, rest = name.split("=", maxsplit=1)[0].partition("^")
        given = " ".join(part for part in rest.split("^")[:2] if part)
        return ", ".join(part for part in (family, given) if part)

    def _comma(self, text: str) -> str:
        return text.replace(".", ",") if self.language == "da" else text
