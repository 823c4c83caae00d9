"""Bodies of many megabytes in and out of the event loop with as few copies as HTTP allows."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.api.inference_protocol import Message


async def read_body(request: Request, maximum: int) -> bytearray:
    """The body of *request*, written once into memory of its own, which is let go with the tensors that share it.

    Raises:
        HTTPException: 413, it is larger than *maximum* bytes; 415, it is compressed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "the body is compressed; send it as it is")
    stated = request.headers.get("content-length", "")
    size = int(stated) if stated.isascii() and stated.isdigit() else 0
    body = bytearray(min(size, maximum))
    filled = 0
    async for chunk in request.stream():
        filled += len(chunk)
        if max(filled, size) > maximum:
            raise HTTPException(413, f"the body has more than {maximum} bytes; raise maximum_request_mib or send less")
        # A slice beyond the end appends: bodies of unstated length grow.
        body[filled - len(chunk) : filled] = chunk
    return body


class MessageResponse(Response):
    """Sends the parts of a Message one after the other, without joining them."""

    def __init__(self, message: Message) -> None:
        """Send *message* with status 200."""
        super().__init__(headers=message.headers)
        self._message = message

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; an ASGI application."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        left = self._message.size
        for chunk in self._message.chunks():
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
