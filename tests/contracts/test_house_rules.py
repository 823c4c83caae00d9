"""The house rules hold: imports, lint, types, docstrings, words."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("dicom_io", "ehr_io", "evaluation", "models", "serving", "training", "varsel")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BIN = Path(sys.executable).parent

# Cut by a bar so that this list does not find itself.
FORBIDDEN = tuple(
    "/wo|rk/ /tm|p/w/ /ho|me/ /ro|ot/ ../sha|red py|pi.org python|hosted registry.np|mjs deb.deb|ian.org".replace(
        "|", ""
    ).split()
)


def test_import_contracts_hold():
    _run(BIN / "lint-imports", "--no-cache")


def test_ruff_finds_nothing():
    _run(BIN / "ruff", "check", ".")


def test_everything_is_formatted():
    _run(BIN / "ruff", "format", "--check", ".")


@pytest.mark.slow
def test_types_are_strict():
    _run(BIN / "mypy")


def test_no_module_imports_its_own_packages_init():
    found = [f"{_name(path)} imports {name}" for path in MODULES for name in _own_init_imports(path)]
    assert found == []


def test_every_module_class_and_function_that_is_public_says_what_it_means():
    found = [f"{path.relative_to(ROOT)}: {name}" for path in MODULES for name in _undocumented(path)]
    assert found == []


def test_no_file_names_a_machine_or_a_registry():
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in _text_files()
        for word in FORBIDDEN
        if word in path.read_text(encoding="utf-8").lower()
    ]
    assert found == []


def test_no_module_is_longer_than_three_hundred_lines():
    found = {str(path.relative_to(ROOT)): length for path in MODULES if (length := _length(path)) > 300}
    assert found == {}


def test_no_module_bears_a_name_that_says_nothing():
    empty = {"utils", "common", "helpers", "base", "misc", "manager"}
    assert [str(path) for path in MODULES if path.stem in empty] == []


def _own_init_imports(path: Path) -> Iterator[str]:
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            # ``from package import submodule`` names a file of its own, not something of ``__init__``.
            yield from (f"{package}.{one.name}" for one in node.names if not _is_module(path.parent / one.name))
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name == package)


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _undocumented(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if ast.get_docstring(tree) is None:
        yield "the module"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from _undocumented_methods(node)


def _undocumented_methods(owner: ast.ClassDef) -> Iterator[str]:
    for node in owner.body:
        is_public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        if is_public and ast.get_docstring(node) is None and not _overrides(node):
            yield f"{owner.name}.{node.name}"


def _overrides(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(decorator) for decorator in node.decorator_list}
    return bool(names & {"override", "typing.override", "overload"})


def _text_files() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    if not names:
        pytest.skip("this is no git checkout, so its own files cannot be told from others")
    for name in filter(None, names):
        path = ROOT / name
        # Two kinds are not our words: what was vendored, and what is no text.
        is_ours = path.suffix not in {".dcm", ".png", ".onnx", ".gz", ".npz"} and not name.startswith(
            "serving/web/static/htmx"
        )
        if path.is_file() and is_ours:
            yield path


def _length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _run(*command: str | Path) -> None:
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_release_that_ships_says_where_it_was_made():
    """The exporter notes a stack trace with paths of its machine in each node; ours takes them out."""
    graphs = sorted((ROOT / "models" / "releases").glob("*/*/model.onnx"))
    assert graphs != []
    assert [path.parent.name for path in graphs if b"site-packages" in path.read_bytes()] == []
