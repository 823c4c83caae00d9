"""What the documentation says is there: commands, options, make targets, addresses, settings, dependencies, links."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import click
import pytest
import typer
from pydantic import BaseModel

from serving.settings.file import Settings
from varsel.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "deploy").rglob("*.md")))
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_COMMAND_IN_TEXT = re.compile(r"`varsel ([a-z][a-z-]*)[^`]*`")


def _commands() -> dict[str, click.Command]:
    root = typer.main.get_command(app)
    return dict(_walk(root, ""))


def _walk(command: click.Command, prefix: str) -> Iterator[tuple[str, click.Command]]:
    # Typer carries its own copy of click, so classes cannot be compared; a group is what has commands.
    for name, child in getattr(command, "commands", {}).items():
        yield f"{prefix}{name}", child
        yield from _walk(child, f"{prefix}{name} ")


COMMANDS = _commands()
SHOWN = {name: command for name, command in COMMANDS.items() if not command.hidden}


def test_every_command_is_documented():
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [name for name in SHOWN if f"`varsel {name}" not in text] == []


def test_the_help_of_every_command_has_an_example_of_it():
    ours = {name: command for name, command in SHOWN.items() if not hasattr(command, "commands") or command.epilog}
    assert [name for name, command in ours.items() if f"varsel {name}" not in _without_options(command.epilog)] == []


def test_no_word_of_a_help_is_taken_for_markup():
    """What stands in brackets, a section of the settings for example, would vanish from the terminal."""
    styles = {"bold"}
    texts = {
        name: " ".join(
            [command.help or "", command.epilog or "", *(getattr(one, "help", "") or "" for one in command.params)]
        )
        for name, command in COMMANDS.items()
    }
    taken = {name: set(re.findall(r"\[/?([a-zA-Z@#/][^\]]*)\]", text)) - styles for name, text in texts.items()}
    assert {name: words for name, words in taken.items() if words} == {}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_page_exists_with_its_options(path: Path):
    text = path.read_text(encoding="utf-8")
    for name in _COMMAND_IN_TEXT.findall(text):
        assert name in COMMANDS, f"`varsel {name}` is no command"
    for line in _console_lines(text):
        _check(shlex.split(line, comments=True))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path):
    links = _LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_setting_is_documented_with_its_default():
    text = (DOCS / "settings.md").read_text(encoding="utf-8")
    missing = [key for key, row in _settings_rows(Settings) if row not in text]
    assert missing == []


def test_no_setting_is_documented_that_does_not_exist():
    documented = set(
        re.findall(r"^\| `([a-z0-9_.\[\]]+)` \|", (DOCS / "settings.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert documented == {key for key, _ in _settings_rows(Settings)}


def test_every_direct_dependency_has_its_reason_and_licence():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *extras["training"], *extras["dev"]]
    text = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    assert [name for name in named if f"| {name} |" not in text] == []


def test_every_dependency_is_pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {_normal(line.split("==")[0]) for line in lines if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = [re.split(r"[\[<>=]", name)[0] for name in (*project["dependencies"], *extras["training"], *extras["dev"])]
    assert [name for name in named if _normal(name) not in pinned] == []


def _without_options(text: str | None) -> str:
    return re.sub(r"varsel (?:(?:-s|--settings) \S+ )", "varsel ", text or "")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _console_lines(text: str) -> Iterator[str]:
    for block in _CONSOLE.findall(text):
        joined = block.replace("\\\n", " ")
        yield from (line[2:] for line in joined.splitlines() if line.startswith("$ "))


def _check(words: list[str]) -> None:
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words
    elif words[0].endswith("varsel"):
        _check_varsel(words[1:])


def _check_varsel(words: list[str]) -> None:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in {"--settings", "-s"} else words[1:]
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else " ".join(words[:1])
    assert name in COMMANDS, f"`varsel {' '.join(words)}` is no command"
    known = {option for parameter in COMMANDS[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert [word for word in words if word.startswith("--") and word.split("=")[0] not in known | {"--help"}] == []


def _settings_rows(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        nested, is_table = _section_of(field.annotation)
        if nested is not None:
            yield from _settings_rows(nested, f"{prefix}{name}{'[]' if is_table else ''}.")
        else:
            default = "required" if field.is_required() else f"`{_shown(field.default)}`"
            yield f"{prefix}{name}", f"| `{prefix}{name}` | {default} |"


def _section_of(annotation: object) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)[0]
        return (inner, True) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, False)
    return None, False


def _shown(default: object) -> str:
    if default is None or default == "":
        return "empty"
    if isinstance(default, tuple):
        return str([getattr(one, "value", one) for one in default])
    return str(getattr(default, "value", default))
