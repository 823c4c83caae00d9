"""What the storage door accepts of what is proposed."""

import pytest
from pydicom.uid import UID_dictionary
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import AllStoragePresentationContexts, build_context

from dicom_io.errors import ProtocolError
from dicom_io.receive.association_pdus import (
    HEADER,
    AssociateRequest,
    ContextResult,
    ProposedContext,
    decode_request,
    encode_accept,
)
from dicom_io.receive.negotiation import best_transfer_syntax, is_storage_class, negotiate

EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
JPEG_LS, HTJ2K, J2K, J2K_LOSSLESS = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 201, 91, 90))
BASELINE, MPEG4, JPIP = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 102, 94))
CT = "1.2.840.10008.5.1.4.1.1.2"
PRIVATE = "1.2.826.0.1.3680043.10.9999.1"


@pytest.mark.parametrize(
    ("proposed", "chosen"),
    [
        ([J2K_LOSSLESS, JPEG_LS, IMPLICIT, EXPLICIT], EXPLICIT),
        ([J2K_LOSSLESS, BIG_ENDIAN], BIG_ENDIAN),
        ([J2K_LOSSLESS, HTJ2K, JPEG_LS], JPEG_LS),
        ([J2K_LOSSLESS, HTJ2K], HTJ2K),
        ([J2K, BASELINE, J2K_LOSSLESS], J2K_LOSSLESS),
        ([MPEG4, BASELINE], BASELINE),
        ([MPEG4], MPEG4),
        ([JPIP], None),
        ([], None),
        (["no uid"], None),
    ],
)
def test_what_is_quickest_to_read_is_chosen_whatever_the_callers_order(proposed, chosen):
    assert best_transfer_syntax(tuple(proposed)) == chosen
    assert best_transfer_syntax(tuple(reversed(proposed))) == chosen


def test_every_storage_class_that_the_library_knows_is_stored():
    classes = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    assert [uid for uid in classes if not is_storage_class(uid, takes_unknown_classes=False)] == []


@pytest.mark.parametrize(
    "name", ["FIND", "MOVE", "GET", "Storage Commitment", "Modality Performed", "Film Box", "Verification"]
)
def test_other_services_are_not_storage(name):
    others = [uid for uid, entry in UID_dictionary.items() if entry[1] == "SOP Class" and name in entry[0]]
    assert others
    assert [uid for uid in others if is_storage_class(uid, takes_unknown_classes=True)] == []


def test_private_classes_are_stored_where_the_site_wants_them():
    assert is_storage_class(PRIVATE, takes_unknown_classes=True)
    assert not is_storage_class(PRIVATE, takes_unknown_classes=False)
    assert not is_storage_class("../../etc", takes_unknown_classes=True)


def test_each_context_gets_its_answer_with_its_reason():
    contexts = [(1, CT, (J2K, EXPLICIT)), (3, CT, (JPIP,)), (5, "1.2.840.10008.5.1.4.1.2.2.1", (EXPLICIT,))]
    request = _request(
        ProposedContext(context_id=number, abstract_syntax=uid, transfer_syntaxes=syntaxes)
        for number, uid, syntaxes in contexts
    )
    negotiated = negotiate(request, takes_unknown_classes=True)
    assert [answer.result for answer in negotiated.answers] == [
        ContextResult.ACCEPTED,
        ContextResult.TRANSFER_SYNTAXES,
        ContextResult.ABSTRACT_SYNTAX,
    ]
    assert negotiated.transfer_syntaxes == {1: EXPLICIT}


def test_a_request_of_pynetdicom_is_understood_and_it_understands_the_answer():
    body = _pynetdicom_request()
    request = decode_request(body)
    assert (request.calling_ae_title, request.called_ae_title) == ("CT1", "VARSEL")
    assert [(one.abstract_syntax, one.transfer_syntaxes) for one in request.contexts] == [
        (CT, (EXPLICIT, J2K)),
        (PRIVATE, (IMPLICIT,)),
    ]
    accept = A_ASSOCIATE_AC()
    accept.decode(encode_accept(request, negotiate(request, takes_unknown_classes=True).answers, 131072))
    primitive = accept.to_primitive()
    assert [one.transfer_syntax[0] for one in primitive.presentation_context_definition_results_list] == [
        EXPLICIT,
        IMPLICIT,
    ]
    assert primitive.maximum_length_received == 131072


def test_a_request_that_is_cut_anywhere_is_refused_or_says_less():
    body = _pynetdicom_request()
    whole = decode_request(body)
    for length in range(len(body)):
        try:
            request = decode_request(body[:length])
        except ProtocolError:
            continue
        assert set(request.contexts) < set(whole.contexts) or request.contexts == whole.contexts


def _pynetdicom_request() -> bytes:
    entity = AE(ae_title="CT1")
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(_primitive(entity))
    return bytes(pdu.encode())[HEADER.size :]


def _primitive(entity: AE) -> A_ASSOCIATE:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = entity.ae_title, "VARSEL"
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16382
    implementation.implementation_class_uid = entity.implementation_class_uid
    primitive.user_information = [length, implementation]
    contexts = [build_context(CT, [EXPLICIT, J2K]), build_context(PRIVATE, [IMPLICIT])]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    return primitive


def _request(contexts) -> AssociateRequest:
    return AssociateRequest(
        called_ae_title="VARSEL",
        calling_ae_title="CT1",
        title_bytes=b"VARSEL".ljust(16) + b"CT1".ljust(16),
        protocol_version=1,
        application_context=b"1.2.840.10008.3.1.1.1",
        contexts=tuple(contexts),
    )
