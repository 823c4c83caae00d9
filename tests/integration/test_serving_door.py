"""The model service as a process: real BentoML, stock Triton client, our own client."""

import io
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from model_service import blocked_imports, free_port, serving, started, wait_until_it_is_gone
from PIL import Image
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from models.errors import RuntimeFailedError, RuntimeUnavailableError
from models.folder_store import FolderStore
from models.manifest import Task
from models.onnx_runtime import open_runtime
from models.provider import ExecutionProvider
from models.runtime import Tensors
from serving.api.client import RemoteRuntime
from tests.factories.releases import FEATURES, IMAGE_SIZE, make_release

INPUTS: dict[str, Tensors] = {
    "chest_xray_opacity": {"image": np.random.default_rng(0).random((2, 1, *IMAGE_SIZE), np.float32)},
    "ct_lung_nodule": {"image": np.random.default_rng(1).random((1, 1, 13, 50, 45), np.float32)},
    "infection_urinary": {"features": np.array([[80, 39, np.nan]], np.float32)},
}


HEAD = b"POST /v2/models/infection_urinary/infer HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("api")
    for task in Task:
        make_release(directory / "releases", task)
    return directory


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with serving(home, maximum_request_mib=4) as found:
        yield found


@pytest.fixture(scope="module")
def store(home: Path) -> FolderStore:
    return FolderStore(home / "releases")


@pytest.fixture
def stock(url: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(url.removeprefix("http://")) as client:
        yield client


def connected(url: str) -> socket.socket:
    found = httpx.URL(url)
    return socket.create_connection((found.host, found.port or 80), timeout=30)


def ask(
    client: triton.InferenceServerClient, model: str, inputs: Tensors, *, binary: bool, version: str = ""
) -> Tensors:
    wanted = []
    for name, array in inputs.items():
        one = triton.InferInput(name, list(array.shape), "FP32")
        one.set_data_from_numpy(array, binary_data=binary)
        wanted.append(one)
    result = client.infer(model, wanted, model_version=version)
    return {one["name"]: result.as_numpy(one["name"]) for one in result.get_response()["outputs"]}


def assert_same(found: Tensors, expected: Tensors) -> None:
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("model", sorted(INPUTS))
def test_a_stock_triton_client_gets_what_the_release_computes(
    stock: triton.InferenceServerClient, store: FolderStore, model: str
):
    expected = open_runtime(store.resolve(model, "champion"), threads=1).infer(INPUTS[model])
    assert_same(ask(stock, model, INPUTS[model], binary=True), expected)


def test_a_stock_triton_client_may_send_json_and_name_a_version(
    stock: triton.InferenceServerClient, store: FolderStore
):
    release = store.resolve("chest_xray_opacity", "champion")
    inputs: Tensors = {"image": INPUTS["chest_xray_opacity"]["image"][:1]}
    found = ask(stock, "chest_xray_opacity", inputs, binary=False, version=release.short_digest)
    assert_same(found, open_runtime(release, threads=1).infer(inputs))


def test_a_stock_triton_client_sees_health_and_tensors(stock: triton.InferenceServerClient, store: FolderStore):
    assert stock.is_server_live()
    assert stock.is_server_ready()
    assert stock.is_model_ready("ct_lung_nodule")
    assert not stock.is_model_ready("unknown")
    assert "binary_tensor_data" in stock.get_server_metadata()["extensions"]
    told = stock.get_model_metadata("infection_urinary")
    assert told["versions"] == [store.resolve("infection_urinary", "champion").short_digest]
    assert told["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, len(FEATURES)]}]
    assert [one["name"] for one in told["outputs"]] == ["probability", "contributions", "baseline"]


def test_an_unfit_input_is_told_to_a_stock_client(stock: triton.InferenceServerClient):
    with pytest.raises(InferenceServerException, match="required is FP32 of shape"):
        ask(stock, "infection_urinary", {"features": np.zeros((1, 99), np.float32)}, binary=True)


@pytest.mark.parametrize("model", sorted(INPUTS))
def test_our_client_gets_what_the_release_computes(url: str, store: FolderStore, model: str):
    release = store.resolve(model, "champion")
    with closing(RemoteRuntime(url, model, release.short_digest)) as remote:
        remote.warm_up()
        assert remote.ready()
        assert_same(remote.infer(INPUTS[model]), open_runtime(release, threads=1).infer(INPUTS[model]))


def test_many_threads_may_ask_at_once(url: str, store: FolderStore):
    remote = RemoteRuntime(url, "infection_urinary")
    expected = open_runtime(store.resolve("infection_urinary", "champion")).infer(INPUTS["infection_urinary"])
    faults: list[BaseException] = []

    def ask_often() -> None:
        try:
            for _ in range(10):
                assert_same(remote.infer(INPUTS["infection_urinary"]), expected)
        except (AssertionError, RuntimeFailedError) as error:
            faults.append(error)

    askers = [threading.Thread(target=ask_often) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    remote.close()
    assert faults == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "words"),
    [
        ("chest_xray_opacity/infer", b"\x80\x04garbage", {}, 400, "no Open Inference Protocol"),
        ("chest_xray_opacity/infer", b"{}", {"Inference-Header-Content-Length": "9" * 4000}, 400, "at most 2"),
        ("chest_xray_opacity/infer", b'{"inputs": []}', {}, 400, "the model takes ['image']"),
        ("chest_xray_opacity/infer", b"{}", {"Content-Encoding": "gzip"}, 415, "compressed"),
        ("chest_xray_opacity/infer", bytes(5 * 1024 * 1024), {}, 413, "maximum_request_mib"),
        ("unknown/infer", b"{}", {}, 404, "has no champion"),
        ("chest_xray_opacity/versions/ffffffffffff/infer", b"{}", {}, 404, "installed are"),
        ("..%2f..%2fetc/infer", b"{}", {}, 404, ""),
    ],
)
def test_a_bad_request_gets_a_clean_answer(
    url: str, path: str, body: bytes, headers: dict[str, str], status: int, words: str
):
    answer = httpx.post(f"{url}/v2/models/{path}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert httpx.get(f"{url}/v2/health/ready").status_code == 200


def test_a_body_without_stated_length_is_read_too(url: str):
    data = b'{"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [80, null, 1]}]}'
    answer = httpx.post(f"{url}/v2/models/infection_urinary/infer", content=iter([data[:40], data[40:]]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["name"] == "probability"


def test_a_client_that_goes_away_leaves_no_trace(url: str, home: Path):
    with connected(url) as client:
        client.sendall(HEAD + b"Content-Length: 3000000\r\n\r\nhalf")
    assert httpx.get(f"{url}/v2/health/ready").status_code == 200
    assert "Traceback" not in (home / "log.txt").read_text()


def test_a_stated_length_that_is_too_large_costs_nothing(url: str):
    with connected(url) as client:
        client.sendall(HEAD + b"Content-Length: 9999999999\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_people_may_ask_with_plain_values(url: str, store: FolderStore):
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 80), np.uint8)).save(picture, "PNG")
    image = httpx.post(
        f"{url}/predict_image",
        data={"model": "chest_xray_opacity"},
        files={"image": ("a.png", picture.getvalue(), "image/png")},
    ).json()
    assert 0 <= image["probabilities"]["opacity"] <= 1
    assert image["model"]["digest"] == store.resolve("chest_xray_opacity", "champion").digest

    ask_stay = {"model": "infection_urinary", "features": {"temperature_max_24h": 39.2}}
    stay = httpx.post(f"{url}/predict_stay", json=ask_stay).json()
    assert stay["contributions"]["temperature_max_24h"] == pytest.approx(2.0, rel=1e-5)
    assert [one["name"] for one in httpx.post(f"{url}/models", json={}).json()] == sorted(INPUTS)


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"model": "unknown", "features": {}}, 404),
        ({"model": "ct_lung_nodule", "features": {}}, 400),
        ({"model": "infection_urinary", "features": {"shoe_size": 43}}, 400),
    ],
)
def test_people_get_a_reason_too(url: str, question: dict[str, object], status: int):
    answer = httpx.post(f"{url}/predict_stay", json=question)
    assert answer.status_code == status, answer.text


def test_inferences_are_counted_by_model_and_outcome(url: str):
    with closing(RemoteRuntime(url, "infection_urinary")) as remote:
        remote.infer(INPUTS["infection_urinary"])
    httpx.post(f"{url}/v2/models/infection_urinary/infer", content=b"{}")
    counted = httpx.get(f"{url}/metrics").text
    for outcome in ("ok", "refused"):
        assert f'varsel_inference_seconds_count{{model="infection_urinary",outcome="{outcome}"}}' in counted


def test_no_page_of_the_service_calls_the_internet(url: str):
    assert "googletagmanager" not in httpx.get(f"{url}/").text


def test_a_service_that_starts_again_counts_anew(tmp_path: Path):
    make_release(tmp_path / "releases", Task.STAY_RISK)
    told = []
    for _ in range(2):
        with serving(tmp_path) as url, closing(RemoteRuntime(url, "infection_urinary")) as remote:
            remote.infer(INPUTS["infection_urinary"])
            told.append(httpx.get(f"{url}/metrics").text)

    counted = 'varsel_inference_seconds_count{model="infection_urinary",outcome="ok"} 1.0'
    assert [counted in one for one in told] == [True, True]


def test_a_promotion_is_served_without_a_restart_and_the_old_version_too(url: str, home: Path, store: FolderStore):
    before = store.resolve("infection_urinary", "champion")
    after = make_release(home / "releases", Task.STAY_RISK, version="0.2.0")
    told = httpx.get(f"{url}/v2/models/infection_urinary").json()
    assert told["versions"] == [after.short_digest]
    with closing(RemoteRuntime(url, "infection_urinary", before.short_digest)) as remote:
        assert remote.ready()
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_a_demanded_gpu_that_is_not_there_makes_readiness_red(tmp_path: Path):
    make_release(tmp_path / "releases", Task.STAY_RISK)
    with serving(tmp_path, execution_provider=ExecutionProvider.CUDA) as url:
        answer = httpx.get(f"{url}/v2/health/ready")
        assert answer.status_code == 503
        assert "CUDAExecutionProvider" in answer.json()["error"]
        assert httpx.get(f"{url}/v2/health/live").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 503
        with (
            closing(RemoteRuntime(url, "infection_urinary")) as remote,
            pytest.raises(RuntimeUnavailableError, match="CUDAExecutionProvider"),
        ):
            remote.infer(INPUTS["infection_urinary"])


def test_a_changed_byte_makes_readiness_red(tmp_path: Path):
    release = make_release(tmp_path / "releases", Task.STAY_RISK)
    release.graph_path.chmod(0o644)
    content = bytearray(release.graph_path.read_bytes())
    content[-1] ^= 1
    release.graph_path.write_bytes(content)
    with serving(tmp_path) as url:
        answer = httpx.get(f"{url}/v2/health/ready")
        assert answer.status_code == 503
        assert "model.onnx' was altered" in answer.json()["error"]
        with (
            closing(RemoteRuntime(url, "infection_urinary")) as remote,
            pytest.raises(RuntimeUnavailableError, match="altered"),
        ):
            remote.infer(INPUTS["infection_urinary"])


def test_a_killed_service_leaves_nothing_behind(tmp_path: Path):
    make_release(tmp_path / "releases", Task.STAY_RISK)
    with started(tmp_path) as (url, process):
        process.kill()
        process.wait()
        wait_until_it_is_gone(url)


def test_a_service_that_is_not_there_is_unavailable():
    remote = RemoteRuntime(f"http://127.0.0.1:{free_port()}", "infection_urinary")
    assert not remote.ready()
    with pytest.raises(RuntimeUnavailableError, match="cannot be reached"):
        remote.infer(INPUTS["infection_urinary"])
    with pytest.raises(RuntimeUnavailableError):
        remote.warm_up()


def test_a_service_that_does_not_answer_is_unavailable_in_time():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            closing(RemoteRuntime(address, "infection_urinary", timeout_seconds=0.2)) as remote,
            pytest.raises(RuntimeUnavailableError, match=r"did not answer in 0.2 s"),
        ):
            remote.infer(INPUTS["infection_urinary"])


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (500, b'{"error": "it broke"}', RuntimeFailedError, "it broke"),
        (400, b"plain", RuntimeFailedError, "plain"),
        (503, b"[]", RuntimeUnavailableError, "503"),
        (200, b"no protocol", RuntimeUnavailableError, "no inference response"),
    ],
)
def test_answers_of_other_servers_are_translated(status: int, body: bytes, kind: type[Exception], words: str):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        remote = RemoteRuntime(f"http://127.0.0.1:{other.server_port}", "any")
        with pytest.raises(kind, match=words) as caught:
            remote.infer(INPUTS["infection_urinary"])
        assert type(caught.value) is kind
        thread.join()
        remote.close()


def test_these_services_ran_without_the_training_libraries(tmp_path: Path):
    """Proves that the block works, which every service above was started with."""
    environment = {"PYTHONPATH": str(blocked_imports(tmp_path))}
    for library in ("torch", "monai", "mlflow"):
        found = subprocess.run(
            [sys.executable, "-c", f"import {library}"], env=environment, capture_output=True, text=True, check=False
        )
        assert "is not installed where models are served" in found.stderr


def test_what_no_first_request_needs_is_not_imported_at_the_start():
    check = "import sys, serving.api.service; print(*({'scipy', 'torch', 'monai', 'mlflow'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
