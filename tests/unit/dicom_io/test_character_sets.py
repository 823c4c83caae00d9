"""Names in every character set of PS3.3 C.12.1.1.2, and in sets that were declared wrongly."""

from pathlib import Path

import pytest

from dicom_io.headers import read_header
from tests.factories.dicom import ct_series, write

ESC = b"\x1b"
#: Declared terms, bytes of the name, the name.
SETS: dict[str, tuple[str, bytes, str]] = {
    "none": ("", b"Jensen^Bo", "Jensen^Bo"),
    "ISO_IR 6": ("ISO_IR 6", b"Jensen^Bo", "Jensen^Bo"),
    "latin 1": ("ISO_IR 100", "Sørensen^Åse".encode("latin-1"), "Sørensen^Åse"),
    "latin 2": ("ISO_IR 101", "Dvořák^Jiří".encode("iso8859-2"), "Dvořák^Jiří"),
    "latin 3": ("ISO_IR 109", "Ħelena^Ġorġ".encode("iso8859-3"), "Ħelena^Ġorġ"),
    "latin 4": ("ISO_IR 110", "Kalniņš^Ēriks".encode("iso8859-4"), "Kalniņš^Ēriks"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг".encode("iso8859-5"), "Люкceмбypг"),
    "arabic": ("ISO_IR 127", "قباني^لنزار".encode("iso8859-6"), "قباني^لنزار"),
    "greek": ("ISO_IR 126", "Διονυσιος".encode("iso8859-7"), "Διονυσιος"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה".encode("iso8859-8"), "שרון^דבורה"),
    "latin 5": ("ISO_IR 148", "Çavuşoğlu".encode("iso8859-9"), "Çavuşoğlu"),
    "latin 9": ("ISO_IR 203", "Œuvre^Žan".encode("iso8859-15"), "Œuvre^Žan"),
    "thai": ("ISO_IR 166", "นามสกุล".encode("tis-620"), "นามสกุล"),
    "japanese katakana": ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "utf-8": ("ISO_IR 192", "Wang=王^小東".encode(), "Wang=王^小東"),
    "gb18030": ("GB18030", "Wang=王^小东".encode("gb18030"), "Wang=王^小东"),
    "gbk": ("GBK", "Wang=王^小东".encode("gbk"), "Wang=王^小东"),
    "iso 2022 kanji": (
        r"\ISO 2022 IR 87",
        b"Yamada^Tarou=" + ESC + b"$B;3ED" + ESC + b"(B^" + ESC + b"$BB@O:" + ESC + b"(B",
        "Yamada^Tarou=山田^太郎",
    ),
    "iso 2022 supplementary kanji": (
        r"\ISO 2022 IR 159",
        b"A=" + ESC + b"$(D" + "丂".encode("iso2022_jp_2")[4:6] + ESC + b"(B",
        "A=丂",
    ),
    "iso 2022 korean": (
        r"\ISO 2022 IR 149",
        b"Hong^Gildong=" + ESC + b"$)C" + "洪".encode("euc_kr") + b"^" + ESC + b"$)C" + "吉洞".encode("euc_kr"),
        "Hong^Gildong=洪^吉洞",
    ),
    "iso 2022 chinese": (
        r"\ISO 2022 IR 58",
        b"Zhang=" + ESC + b"$)A" + "张".encode("gb2312") + b"^" + ESC + b"$)A" + "小东".encode("gb2312"),
        "Zhang=张^小东",
    ),
    "iso 2022 latin and greek": (
        r"ISO 2022 IR 100\ISO 2022 IR 126",
        "Åse=".encode("latin-1") + ESC + b"-F" + "Διον".encode("iso8859-7"),
        "Åse=Διον",
    ),
    "iso 2022 cyrillic, and latin 1 again after a delimiter": (
        r"ISO 2022 IR 100\ISO 2022 IR 144",
        ESC + b"-L" + "Люк".encode("iso8859-5") + "^Jér=Åse".encode("latin-1"),
        "Люк^Jér=Åse",
    ),
    "iso 2022 kanji, and latin 1 again after ascii": (
        r"ISO 2022 IR 100\ISO 2022 IR 87",
        "Jér=".encode("latin-1") + ESC + b"$B;3ED" + ESC + b"(B" + "^é".encode("latin-1"),
        "Jér=山田^é",
    ),
    "wrong: korean without a second escape": (
        r"\ISO 2022 IR 149",
        ESC + b"$)C" + "洪^吉洞".encode("euc_kr"),
        "洪^吉洞",
    ),
    "wrong: latin 1 bytes, nothing declared": ("", "Sørensen^Åse".encode("latin-1"), "Sørensen^Åse"),
    "wrong: utf-8 bytes, nothing declared": ("", "Sørensen^Åse".encode(), "Sørensen^Åse"),
    "wrong: latin 1 bytes under utf-8": ("ISO_IR 192", "Sørensen^Åse".encode("latin-1"), "Sørensen^Åse"),
    "wrong: utf-8 bytes under ascii": ("ISO_IR 6", "Sørensen^Åse".encode(), "Sørensen^Åse"),
    "wrong: a term that does not exist": ("ISO_IR 9999", "Sørensen^Åse".encode("latin-1"), "Sørensen^Åse"),
    "wrong: a term without its underscore": ("ISO IR 100", "Sørensen^Åse".encode("latin-1"), "Sørensen^Åse"),
    "wrong: a value where one term suffices": (r"ISO_IR 100\ISO_IR 100", "Åse".encode("latin-1"), "Åse"),
}


@pytest.mark.parametrize(("terms", "encoded", "name"), SETS.values(), ids=SETS.keys())
def test_a_name_is_read_in_its_character_set(tmp_path: Path, terms: str, encoded: bytes, name: str) -> None:
    dataset = ct_series(1)[0]
    dataset.SpecificCharacterSet = "ISO_IR 100"
    # Written as a placeholder of the right length, so that only the bytes under test are other than pydicom's.
    padded = encoded + b" " * (len(encoded) % 2)
    dataset.PatientName = "x" * len(padded)
    (path,) = write([dataset], tmp_path)
    declared = terms + " " * (len(terms) % 2)
    data = path.read_bytes().replace(b"x" * len(padded), padded)
    data = data.replace(b"CS\x0a\x00ISO_IR 100", b"CS" + len(declared).to_bytes(2, "little") + declared.encode())
    assert read_header(data).patient_name == name


@pytest.mark.parametrize("encoded", [ESC, ESC + b"$B", ESC + b"$)C\xff", ESC + b"Z\xc6\xd8", b"\xff\xfe\xfd"])
def test_bytes_of_no_character_set_are_a_name_all_the_same(tmp_path: Path, encoded: bytes) -> None:
    dataset = ct_series(1)[0]
    dataset.SpecificCharacterSet = r"\ISO 2022 IR 87"
    dataset.PatientName = "x" * 8
    (path,) = write([dataset], tmp_path)
    data = path.read_bytes().replace(b"x" * 8, encoded.ljust(8))
    assert isinstance(read_header(data).patient_name, str)
