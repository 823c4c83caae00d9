"""The settings file, its overrides and its faults."""

from pathlib import Path

import pytest

from serving.errors import SettingsError
from serving.settings.file import load_settings


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "varsel.toml"
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path: Path):
    settings = load_settings(write(tmp_path, '[receive]\nport = 4242\nae_title = "WARD 7"\n'))

    assert (settings.receive.port, settings.receive.ae_title) == (4242, "WARD 7")


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VARSEL_RECEIVE__PORT", "5252")

    assert load_settings(write(tmp_path, "[receive]\nport = 4242\n")).receive.port == 5252


def test_every_fault_is_named_with_its_place(tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, '[receive]\nport = 99999\nae_titel = "X"\n[work]\nconcurrency = 0\n'))

    told = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in told] == ["receive.port", "receive.ae_titel", "work.concurrency"]


def test_two_destinations_cannot_share_a_name(tmp_path: Path):
    one = '[[destinations]]\nname = "pacs"\nhost = "h"\nport = 104\nae_title = "PACS"\n'

    with pytest.raises(SettingsError, match="pacs"):
        load_settings(write(tmp_path, one + one))


def test_work_items_take_input_from_an_archive_that_is_there(tmp_path: Path):
    path = tmp_path / "varsel.toml"
    path.write_text('[ups]\narchive = "old"\n[[archives]]\nname = "pacs"\nhost = "pacs.example"\n')
    with pytest.raises(SettingsError, match="one of archives: pacs"):
        load_settings(path)


def test_an_archive_says_where_it_is(tmp_path: Path):
    path = tmp_path / "varsel.toml"
    path.write_text('[[archives]]\nname = "pacs"\nby = "dicomweb"\nhost = "pacs.example"\n')
    with pytest.raises(SettingsError, match="'url' is empty"):
        load_settings(path)


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path):
    with pytest.raises(SettingsError, match="line 1"):
        load_settings(write(tmp_path, "this is not TOML"))


def test_a_missing_file_is_told_with_its_name(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe[\x00", b"[site]\nlanguage = '\xe6'\n"])
def test_a_file_in_another_encoding_is_told(tmp_path: Path, content: bytes):
    path = tmp_path / "varsel.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(path)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path):
    path = tmp_path / "varsel.toml"
    path.write_text('[site]\nlanguage = "en"\n', encoding="utf-8-sig")
    assert load_settings(path).site.language == "en"


@pytest.mark.parametrize(
    ("variable", "told"),
    [("VARSEL_RULES", '"rules"'), ("VARSEL_RECEIVE", '"receive"'), ("VARSEL_RECIEVE__PORT", "'VARSEL_RECIEVE__PORT'")],
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, told: str):
    monkeypatch.setenv(variable, "x")
    with pytest.raises(SettingsError, match=f"environment: .*{told}"):
        load_settings(None)


def test_variables_that_kubernetes_sets_for_a_service_do_no_harm(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VARSEL_WEB_PORT_8080_TCP", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("VARSEL_PORT", "tcp://10.0.0.1:80")
    assert load_settings(None).web.port == 8080


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "postgresql://varsel:s3cret@host/varsel", "sqlite://"])
def test_a_database_of_another_kind_is_a_fault_and_its_password_is_not_told(monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("VARSEL_SITE__DATABASE_URL", url)
    with pytest.raises(SettingsError, match=r"site\.database_url: .*postgresql\+psycopg://") as caught:
        load_settings(None)
    assert "s3cret" not in str(caught.value)
