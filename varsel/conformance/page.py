"""The statement as Markdown, in the order of PS3.2 Annex N."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydicom.uid import UID

from dicom_io.file_format import IMPLEMENTATION_CLASS_UID
from dicom_io.receive.negotiation import PREFERRED_TRANSFER_SYNTAXES, REFUSED_TRANSFER_SYNTAXES
from dicom_io.receive.settings import StoreScpSettings
from dicom_io.receive.statuses import StoreStatus
from varsel.conformance.services import emitted, offered, requested, stored

if TYPE_CHECKING:
    from serving.settings.file import Settings

#: What each answer to a C-STORE tells its sender.
_MEANINGS = {
    StoreStatus.SUCCESS: "success: on disk, synced, and recorded; the sender may forget the object",
    StoreStatus.OUT_OF_RESOURCES: "the disk is full or the object cannot be recorded now; send it again later",
    StoreStatus.DATA_SET_MISMATCH: "command and dataset name different objects; a repeat does not help",
    StoreStatus.CANNOT_UNDERSTAND: "the bytes are no usable object; a repeat does not help",
    StoreStatus.TOO_LARGE: "larger than is taken; a repeat does not help",
}


@dataclass(frozen=True, kw_only=True)
class _Role:
    name: str
    is_requested: bool
    is_offered: bool


def conformance_page(settings: "Settings", version: str) -> str:
    """The conformance statement of a site with *settings*, running *version* of Varsel."""
    environment = Environment(  # noqa: S701  # Markdown, and nothing of a stranger's in it
        loader=PackageLoader("varsel.conformance", "."), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("statement.md.j2").render(
        version=version,
        language=settings.site.language,
        receive=settings.receive,
        destinations=[f"`{one.name}`" for one in settings.destinations],
        door=StoreScpSettings(),
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        roles=_roles(),
        stored=stored(),
        requested=requested(),
        emitted=emitted(),
        transfer_syntaxes=[UID(uid) for uid in PREFERRED_TRANSFER_SYNTAXES],
        refused_syntaxes=sorted(UID(uid).name for uid in REFUSED_TRANSFER_SYNTAXES),
        statuses=[(status, _MEANINGS[status]) for status in StoreStatus],
    )


def _roles() -> list[_Role]:
    asked, given = ({one.uid: one.name for one in services} for services in (requested(), offered()))
    return [
        _Role(name=name, is_requested=uid in asked, is_offered=uid in given) for uid, name in (asked | given).items()
    ]
