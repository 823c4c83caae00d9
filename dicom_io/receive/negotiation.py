"""Which presentation contexts the storage door accepts, as data (PS3.8 7.1.1.13)."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.uid import UID

from dicom_io.receive.association_pdus import AnsweredContext, AssociateRequest, ContextResult, ProposedContext
from dicom_io.uids import is_valid_uid

VERIFICATION = "1.2.840.10008.1.1"

#: Transfer syntaxes in the order in which we want them, whatever the caller's: what is quickest to decode first.
#: A 512 x 512 CT slice takes 0.1 ms uncompressed, 2 ms in HTJ2K, 5 in JPEG-LS, 31 in JPEG 2000. JPEG-LS stands before
#: HTJ2K all the same: it is a tenth smaller on the line and on the disk (155 kB against 175).
PREFERRED_TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.201",  # HTJ2K Lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K Lossless RPCL
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    # What has lost something, only where nothing better is offered.
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.203",  # HTJ2K
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
)
_RANK = {uid: rank for rank, uid in enumerate(PREFERRED_TRANSFER_SYNTAXES)}
#: Every Storage SOP Class since 1993 is below this, also those that the library's dictionary does not know yet.
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
#: The pixels are not in the object but somewhere that we do not ask (JPIP).
REFUSED_TRANSFER_SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2.4.94",
        "1.2.840.10008.1.2.4.95",
        "1.2.840.10008.1.2.4.204",
        "1.2.840.10008.1.2.4.205",
    }
)


@dataclass(frozen=True, kw_only=True)
class Negotiated:
    """What an association may carry."""

    #: The answers, in the order of the proposals.
    answers: tuple[AnsweredContext, ...]
    #: Transfer Syntax UID by id of the accepted contexts.
    transfer_syntaxes: Mapping[int, str]


def negotiate(request: AssociateRequest, *, takes_unknown_classes: bool) -> Negotiated:
    """Answer each proposal of *request*; *takes_unknown_classes*: private and future SOP classes count as storage."""
    answers = tuple(_answer(context, takes_unknown_classes=takes_unknown_classes) for context in request.contexts)
    accepted = {one.context_id: one.transfer_syntax for one in answers if one.result is ContextResult.ACCEPTED}
    return Negotiated(answers=answers, transfer_syntaxes=accepted)


def is_storage_class(sop_class_uid: str, *, takes_unknown_classes: bool) -> bool:
    """Whether objects of this class are stored here.

    Bytes are kept as they came, so a class need not be known; one that is known to be another service is not stored.
    """
    if not is_valid_uid(sop_class_uid):
        return False
    uid = UID(sop_class_uid)
    if uid.name == sop_class_uid:
        return takes_unknown_classes or sop_class_uid.startswith(_STORAGE_ROOT)
    return uid.type == "SOP Class" and "Storage" in uid.name and "Commitment" not in uid.name


def best_transfer_syntax(proposed: tuple[str, ...]) -> str | None:
    """The one of *proposed* to use; None when none can be.

    One that no decoder here reads is accepted last: the study then says that it was not analysed and why, instead of
    staying with its sender.
    """
    usable = [uid for uid in proposed if is_valid_uid(uid) and uid not in REFUSED_TRANSFER_SYNTAXES]
    return min(usable, key=lambda uid: _RANK.get(uid, len(_RANK)), default=None)


def _answer(context: ProposedContext, *, takes_unknown_classes: bool) -> AnsweredContext:
    result, chosen = ContextResult.ACCEPTED, best_transfer_syntax(context.transfer_syntaxes)
    is_ours = context.abstract_syntax == VERIFICATION or is_storage_class(
        context.abstract_syntax, takes_unknown_classes=takes_unknown_classes
    )
    if not is_ours:
        result = ContextResult.ABSTRACT_SYNTAX
    elif chosen is None:
        result = ContextResult.TRANSFER_SYNTAXES
    # PS3.8 9.3.3.2: a refused context still names one syntax, which has no meaning.
    named = chosen or next(iter(context.transfer_syntaxes), "")
    return AnsweredContext(context_id=context.context_id, result=result, transfer_syntax=named)
