"""Names that mean nothing, always the same for the same patient or object: HMAC-SHA256 under a site's own key."""

import base64
import hmac
from datetime import date, timedelta
from pathlib import Path

from dicom_io.deidentify.errors import KeyFileError

#: A key shorter than the hash would be the weaker of the two (RFC 2104 3).
_SHORTEST_KEY = 32
#: Dates go back by one to six years: enough to hide a day in the calendar, not enough to leave the era of a technique.
_LEAST_DAYS, _SPREAD_DAYS = 365, 5 * 365


class Pseudonyms:
    """Gives pseudonyms; who does not have the key can neither undo nor repeat them."""

    def __init__(self, key: bytes) -> None:
        """Use *key*, at least 32 bytes.

        Raises:
            KeyFileError: it is shorter.
        """
        if len(key) < _SHORTEST_KEY:
            raise KeyFileError(
                f"The key has {len(key)} bytes; required: at least {_SHORTEST_KEY}, from a random source, e.g. "
                "`openssl rand -out key 32`."
            )
        self._key = key

    def uid(self, uid: str) -> str:
        """Another UID (PS3.5 B.2) for *uid*."""
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16], 'big')}"

    def patient(self, patient_id: str) -> str:
        """A name for the patient with *patient_id*: 16 letters and digits."""
        return base64.b32encode(self._digest("patient", patient_id)[:10]).decode("ascii")

    def shifted(self, day: date, patient_id: str) -> date:
        """*day* moved back by the patient's own distance, so that all distances between days of a patient stay."""
        days = _LEAST_DAYS + int.from_bytes(self._digest("days", patient_id)[:8], "big") % _SPREAD_DAYS
        return day - timedelta(days=days)

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\x1f{value}".encode(), "sha256")


def read_key(path: Path) -> Pseudonyms:
    """Pseudonyms under the key in the file at *path*.

    Raises:
        KeyFileError: it cannot be read or is too short.
    """
    try:
        return Pseudonyms(path.read_bytes())
    except OSError as error:
        raise KeyFileError(
            f"'{path}' cannot be read: {error.strerror}; required: a key file that this user may read."
        ) from error
