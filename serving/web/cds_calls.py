"""The JSON of CDS Hooks 2.0 calls, as far as it is read; what else a record sends is left alone."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

Id = Annotated[str, Field(min_length=1, max_length=128)]
#: A FHIR id (R4 2.24.0.1).
ResourceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\-]{1,64}$")]


class CardOutcome(Enum):
    """What became of a card (CDS Hooks 2.0, feedback)."""

    #: A suggestion of it was taken up.
    ACCEPTED = "accepted"
    #: It was set aside.
    OVERRIDDEN = "overridden"


class ViewContext(BaseModel):
    """``context`` of patient-view."""

    userId: str = Field(min_length=1, max_length=256)
    patientId: ResourceId
    encounterId: ResourceId | None = None


class OrderContext(ViewContext):
    """``context`` of order-select."""

    selections: list[str] = Field(min_length=1)
    draftOrders: dict[str, Any]


class ViewCall(BaseModel):
    """A record opened a patient."""

    hook: Literal["patient-view"]
    hookInstance: Id
    context: ViewContext


class OrderCall(BaseModel):
    """A clinician selected an order."""

    hook: Literal["order-select"]
    hookInstance: Id
    context: OrderContext


class OverrideCode(BaseModel):
    """The chosen reason."""

    code: str = Field(default="", max_length=64)


class Override(BaseModel):
    """Why a card was set aside."""

    reason: OverrideCode = OverrideCode()
    userComment: str = Field(default="", max_length=2000)


class Feedback(BaseModel):
    """What became of one card."""

    card: str = Field(min_length=1, max_length=64)
    outcome: CardOutcome
    overrideReason: Override = Override()
    outcomeTimestamp: AwareDatetime

    @property
    def at(self) -> datetime:
        """When."""
        return self.outcomeTimestamp


class FeedbackCall(BaseModel):
    """What became of several cards."""

    feedback: list[Feedback] = Field(min_length=1, max_length=100)
