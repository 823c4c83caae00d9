"""What can go wrong at the model service's door.

ServingError
└── MalformedMessageError   a message does not follow the Open Inference Protocol
"""

from serving.errors import ServingError


class MalformedMessageError(ServingError):
    """The message does not follow the Open Inference Protocol v2."""
