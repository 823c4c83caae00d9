"""Request bodies with a limit: what is too large is refused while it comes, not after it filled the memory."""

from starlette.requests import Request


class BodyOverLimitError(Exception):
    """The body is larger than the door takes; send it in smaller parts."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body of *request*.

    Raises:
        BodyOverLimitError: it has more than *limit* bytes.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyOverLimitError(f"the body is larger than {limit} bytes")
    return bytes(body)
