"""From a template's name and its values to an answer in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from serving.web import charts
from serving.web.formats import Formats
from serving.web.language import COOKIE, LANGUAGES, choose_language, load_texts

_YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class View:
    """Renders the pages of one site."""

    #: Finds and compiles templates.
    environment: Environment
    #: Language when the reader asks for none.
    default_language: str
    #: The clock on the wards' walls.
    zone: ZoneInfo

    def language(self, request: Request) -> str:
        """The language of *request*'s reader."""
        return choose_language(request, self.default_language)

    def render(self, request: Request, template: str, values: Mapping[str, object]) -> str:
        """*template* with *values*, in the reader's language."""
        language = self.language(request)
        texts = load_texts(language)
        return self.environment.get_template(template).render(
            t=texts,
            # The same page: what was filtered or asked for stays so in the other language.
            switched=request.url.include_query_params(lang=texts["other_language_code"]).query,
            f=Formats(language=language, zone=self.zone),
            language=language,
            path=request.url.path,
            **values,
        )

    def page(self, request: Request, template: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """A whole page; a language chosen with ``?lang=`` is remembered."""
        answer = HTMLResponse(self.render(request, template, values), status_code=status)
        if request.query_params.get("lang") in LANGUAGES:
            language = self.language(request)
            answer.set_cookie(COOKIE, language, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
        return answer


def open_view(default_language: str, zone: ZoneInfo) -> View:
    """The view over the templates beside this module."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["charts"] = charts
    return View(environment=environment, default_language=default_language, zone=zone)
