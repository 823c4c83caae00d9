import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_request_outlives_its_answer_in_a_timer():
    """BentoML's class as the version that is installed names it, so that another name is noticed."""
    from bentoml._internal.server.http.traffic import TimeoutMiddleware  # noqa: PLC0415  Warns at its import.

    from serving.api.process import without_timers  # noqa: PLC0415  The same.

    application = Starlette(middleware=[Middleware(TimeoutMiddleware, timeout=900.0), Middleware(GZipMiddleware)])
    assert [one.cls for one in without_timers(application).user_middleware] == [GZipMiddleware]
