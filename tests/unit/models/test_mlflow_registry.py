import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import RegistryError
from models.mlflow_registry import MlflowRegistry

pytestmark = [
    # MLflow's SQLAlchemy engines close their SQLite connections when collected.
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    # MLflow's queries use what SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


def test_an_unknown_model_is_named_with_the_way_out(tmp_path: Path):
    registry = MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.db'}")
    with pytest.raises(RegistryError, match=r"'chest' has no alias 'champion'.*promote a release first"):
        registry.find("chest", "champion")
    with pytest.raises(RegistryError, match="it has none: register it first"):
        registry.set_alias("chest", "ab" * 32, "champion")


def test_nobody_is_told_that_mlflow_is_used():
    code = (
        "import sys, models.mlflow_registry; "
        "from mlflow.telemetry.utils import is_telemetry_disabled as off; "
        "sys.exit(0 if off() else 1)"
    )
    # Without the variables by which MLflow recognises a test run, which would switch it off anyway.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_processes_that_start_at_once_on_a_new_site_make_one_database(tmp_path: Path):
    code = (
        "import sys; from models.mlflow_registry import mlflow_client; sys.stdin.readline(); "
        "print(len(mlflow_client(sys.argv[1]).search_experiments()))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{tmp_path / 'mlflow.db'}"]
    root = Path(__file__).parents[3]
    started = [
        subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in started:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in started]
    assert [out.strip() for out, _ in said] == [b"1", b"1"], said
