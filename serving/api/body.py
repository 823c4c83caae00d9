"""Bodies of many megabytes in and out of the event loop with as few copies as HTTP allows."""

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.api.inference_protocol import Message


async def read_body(request: Request, maximum: int) -> memoryview:
    """The body of *request*, written once into memory of its own, which is let go with the tensors that share it.

    Raises:
        HTTPException: 400, the client went away; 413, the body is larger than *maximum* bytes; 415, it is compressed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "the body is compressed; send it as it is")
    stated = request.headers.get("content-length")
    if stated is not None and int(stated) > maximum:
        raise _too_large(maximum)
    try:
        return await (_read_growing(request, maximum) if stated is None else _read_stated(request, int(stated)))
    except ClientDisconnect as error:
        raise HTTPException(400, "the client went away before its body was complete") from error


async def _read_stated(request: Request, size: int) -> memoryview:
    # Not a bytearray: that would be filled with zeros first, a gigabyte of them where somebody only says so.
    body = np.empty(size, np.uint8).data
    filled = 0
    async for chunk in request.stream():
        body[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    return body


async def _read_growing(request: Request, maximum: int) -> memoryview:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            raise _too_large(maximum)
    return memoryview(body)


def _too_large(maximum: int) -> HTTPException:
    return HTTPException(413, f"the body has more than {maximum} bytes; raise maximum_request_mib or send less")


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
