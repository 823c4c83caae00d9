"""Routes for machines that look after this process: metrics, liveness, readiness."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import Engine, select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from serving.errors import DatabaseDownError
from serving.records.database import reading
from serving.records.schema import WORK_ITEM


def operations_routes(engine: Engine, registry: CollectorRegistry) -> list[Route]:
    """``/metrics`` of *registry*, ``/livez``, and ``/readyz``, which is red while *engine* does not answer."""

    def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def alive(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    def ready(_: Request) -> Response:
        try:
            with reading(engine) as connection:
                connection.execute(select(WORK_ITEM.c.id).limit(1))
        except DatabaseDownError as error:
            return PlainTextResponse(f"not ready: {error}\n", status_code=503)
        return PlainTextResponse("ready\n")

    return [Route("/metrics", metrics), Route("/livez", alive), Route("/readyz", ready)]
