"""Settings from file, environment and flags: which one wins, and what each mistake is answered with."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from minori.config.load import FILE_BYTES, load
from minori.config.settings import REFERENCE, Setting, Settings
from minori.errors import SettingsInvalid

File = Callable[[str | bytes], str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    """Writes `minori.toml` into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> str:
        Path("minori.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return "minori.toml"

    return write


def refusal(config: str | None = None, environment: dict[str, str] | None = None, **flags: str) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        load(config, environment or {}, flags)
    return refused.value.message


def test_without_anything_given_every_setting_has_its_default() -> None:
    assert load(None, {}, {}) == Settings()


def test_the_file_wins_over_the_default(file: File) -> None:
    settings = load(file('door_http = "[::1]:80"\ndemo = true\n[limits]\npayload_bytes = 4096\n'), {}, {})
    assert (settings.door_http, settings.demo, settings.limits.payload_bytes) == ("[::1]:80", True, 4096)


def test_the_environment_wins_over_the_file(file: File) -> None:
    path = file("demo = true\n[limits]\npayload_bytes = 4096\nidle_seconds = 5")
    settings = load(path, {"MINORI_LIMITS_PAYLOAD_BYTES": "100", "MINORI_DEMO": "off"}, {})
    assert (settings.limits.payload_bytes, settings.limits.idle_seconds, settings.demo) == (100, 5, False)


def test_a_flag_wins_over_the_environment() -> None:
    assert load(None, {"MINORI_API": "127.0.0.1:1"}, {"api": "127.0.0.1:2"}).api == "127.0.0.1:2"


def test_a_flag_that_is_not_given_says_nothing() -> None:
    assert load(None, {"MINORI_API": "127.0.0.1:1", "MINORI_DEMO": "1"}, {"api": None, "demo": None}) == Settings(
        api="127.0.0.1:1", demo=True
    )


@pytest.mark.parametrize("setting", REFERENCE, ids=lambda setting: setting.key)
def test_every_setting_can_be_given_in_the_file_and_in_the_environment(setting: Setting, file: File) -> None:
    word = str(setting.default).lower() if setting.kind is bool else str(setting.default)
    assert load(None, {setting.variable: word}, {}) == Settings()
    assert load(file(f'{setting.key} = "{word}"' if setting.kind is str else f"{setting.key} = {word}"), {}, {}) == (
        Settings()
    )


@pytest.mark.parametrize(
    ("word", "truth"),
    [("1", True), ("true", True), ("YES", True), ("On", True), ("0", False), ("False", False), ("no", False)],
)
def test_a_truth_in_the_environment_is_said_in_any_of_the_usual_words(word: str, *, truth: bool) -> None:
    assert load(None, {"MINORI_DEMO": word}, {}).demo is truth


def test_variables_without_the_prefix_are_nobodys_business() -> None:
    assert load(None, {"MINORITY": "1", "minori_api": "1", "PATH": "/bin"}, {}) == Settings()


def test_a_home_folder_is_found() -> None:
    assert load(None, {}, {"data_dir": "~/minori"}).data_dir == f"{Path.home()}/minori"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("\n[limits]\npayload_byte = 3\n", 3, "did you mean limits.payload_bytes?"),
        ("payload_bytes = 3", 1, "did you mean limits.payload_bytes?"),
        ("[log]\npayload-bytes = 3", 2, "did you mean limits.payload_bytes?"),
        ("# doors\n\ndoor-htp = 'x:1'", 3, "did you mean door_http?"),
        ("DATA_DIR = 'x'", 1, "did you mean data_dir?"),
        ("[limit]\n", 1, "did you mean [limits]?"),
        ("[[limit]]\n", 1, "did you mean [limits]?"),
        ("'limits.payload_bytes' = 3", 1, "there is no setting 'limits.payload_bytes'"),
        ("xyzzy = 1", 1, "run minori settings"),
        ("'' = 1", 1, "run minori settings"),
        ("[limits]\nxyzzy.a.b = 1", 2, "'limits.xyzzy'"),
        ('data_dir = """\n1\n2"""\ndemoo = [\n1,\n]\nyet = 1', 4, "did you mean demo?"),
        ("demo = true\r\nlimits = { payload_byte = 1 }\r\n", 2, "did you mean limits.payload_bytes?"),
    ],
)
def test_an_unknown_name_in_the_file_is_answered_with_its_line_and_the_nearest_one(
    file: File, content: str, line: int, words: str
) -> None:
    message = refusal(file(content))
    assert message.startswith(f"minori.toml, line {line}: there is no setting ")
    assert words in message


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("[limits]\n\npayload_bytes = 0", 3, "cannot be 0; give a whole number of bytes from 1 to 1048576"),
        ("limits.payload_bytes = 1048577", 1, "cannot be 1048577; give a whole number"),
        ("limits.payload_bytes = true", 1, "cannot be true; give a whole number"),
        ("limits.payload_bytes = 1.0", 1, "cannot be 1.0; give a whole number"),
        ("limits.payload_bytes = nan", 1, "cannot be nan; give a whole number"),
        ("limits.payload_bytes = -inf", 1, "cannot be -inf; give a whole number"),
        ("limits.payload_bytes = '1'", 1, "cannot be '1'; give a whole number"),
        ("limits.payload_bytes = []", 1, "cannot be an array; give a whole number"),
        ("limits.payload_bytes = 2024-01-01", 1, "cannot be a date or time; give a whole number"),
        ("limits.payload_bytes = 12:00:00", 1, "cannot be a date or time; give a whole number"),
        (f"limits.payload_bytes = 0x{'f' * 6000}", 1, "cannot be so large a number; give a whole number"),
        ("\n[limits.payload_bytes]\nmax = 1", 2, "cannot be a table; give a whole number"),
        ("\n[api]\nhost = 'x'", 2, "api cannot be a table; give HOST:PORT, such as 127.0.0.1:8080"),
        ("[[api]]\nhost = 'x'", 1, "api cannot be an array; give HOST:PORT"),
        ("demo = 1", 1, "cannot be 1; give true or false"),
        ("demo = 'yes'", 1, "cannot be 'yes'; give true or false"),
        ("log.level = 'warn'", 1, "give debug, info, warning or error (did you mean warning?)"),
        ("log.format = 'xyzzy'", 1, "cannot be 'xyzzy'; give auto, json or console"),
        ("api = ':8080'", 1, "write 127.0.0.1:8080 for this machine alone"),
        ("api = 8080", 1, "cannot be 8080; give HOST:PORT"),
        ("data_dir = ''", 1, "give the path of a folder"),
        ("data_dir = '~nobody-of-that-name/x'", 1, "no such home folder"),
        ('data_dir = "a\\u0000"', 1, "give the path of a folder"),
        ("stores.entries = 'lmdb:'", 1, "give rocksdb:, rocksdb:///absolute/path or memory:"),
        ("stores.catalog = 'sqlite:x'", 1, "the path must be absolute"),
        (f"api = '{'x' * 1000}'", 1, f"'{'x' * 60}…'"),
    ],
)
def test_a_bad_value_in_the_file_is_answered_with_its_line_and_what_is_allowed(
    file: File, content: str, line: int, words: str
) -> None:
    message = refusal(file(content))
    assert message.startswith(f"minori.toml, line {line}: ")
    assert words in message


@pytest.mark.parametrize("content", ["\nlimits = 5", "\n[[limits]]", "\nlimits = '[limits]'", "\nlimits = [1]"])
def test_a_section_that_is_written_as_something_else_is_answered_with_how_to_write_it(file: File, content: str) -> None:
    assert refusal(file(content)).startswith("minori.toml, line 2: limits is a section; write [limits] on a line")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("\napi = 127.0.0.1:80", 2),
        ("api = 'a:1'\napi = 'b:1'", 2),
        ("[log]\n[limits]\n[log]\n", 3),
        ("api = 'a:1'\ndata_dir = '''\nx\n", 3),
        ("\n\napi", 3),
        ("x = 2024-99-99", 1),
        ('api = "\0"', 1),
        (f"x = {'9' * 5000}", 1),
        (f"x = {'[' * 20_000}", 1),
        ("\ufeffapi = 'a:1'", 1),
    ],
)
def test_what_is_not_toml_is_answered_with_its_line(file: File, content: str, line: int) -> None:
    message = refusal(file(content))
    assert message.startswith(f"minori.toml, line {line}: this is not TOML (")
    assert len(message) < 400


def test_what_is_not_utf8_is_answered_with_its_line(file: File) -> None:
    assert refusal(file(b"\n# \xff")) == "minori.toml, line 2: this is not UTF-8; save the file as UTF-8"


def test_a_file_that_is_too_large_is_not_read(file: File) -> None:
    assert "larger than 65536 bytes" in refusal(file(b"#" * (FILE_BYTES + 1)))


@pytest.mark.parametrize("path", ["absent.toml", ".", "a\0b", "x" * 5000])
def test_a_file_that_cannot_be_read_is_named(path: str) -> None:
    message = refusal(path)
    assert message.startswith(f"The settings file {path[:60]!r}"[:40])
    assert "check the path that --config gives" in message


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("MINORI_LIMIT_PAYLOAD_BYTES", "3", "did you mean MINORI_LIMITS_PAYLOAD_BYTES?"),
        ("MINORI_DOORHTTP", "x:1", "did you mean MINORI_DOOR_HTTP?"),
        ("MINORI_Demo", "1", "did you mean MINORI_DEMO?"),
        ("MINORI_", "1", "run minori settings"),
        ("MINORI_XYZZY", "1", "run minori settings"),
        ("MINORI_LIMITS_PAYLOAD_BYTES", "0", "from 1 to 1048576"),
        ("MINORI_LIMITS_PAYLOAD_BYTES", "", "cannot be ''; give a whole number"),
        ("MINORI_LIMITS_PAYLOAD_BYTES", "1e3", "cannot be '1e3'; give a whole number"),
        ("MINORI_LIMITS_PAYLOAD_BYTES", "\uff11", "give a whole number"),
        ("MINORI_LIMITS_PAYLOAD_BYTES", "9" * 5000, "give a whole number"),
        ("MINORI_DEMO", "maybe", "cannot be 'maybe'; give true or false"),
        ("MINORI_DEMO", "", "give true or false"),
        ("MINORI_API", "", "the port is missing"),
        ("MINORI_LOG_LEVEL", "INFO", "did you mean info?"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable: str, text: str, words: str) -> None:
    message = refusal(environment={variable: text})
    assert message.startswith(f"Environment variable {variable}: ")
    assert words in message


def test_a_mistake_in_a_flag_names_the_flag() -> None:
    assert refusal(door_http=":80").startswith("--door-http: door_http cannot be ':80'; the host is missing")


def test_a_password_in_an_address_is_not_repeated() -> None:
    message = refusal(environment={"MINORI_STORES_CATALOG": "postgresql://minori:s3cr/et@db/minori"})
    assert "'postgresql://…@db/minori'" in message
    assert "s3cr" not in message


def test_two_listeners_on_one_address_are_refused_where_the_second_was_given(file: File) -> None:
    assert refusal(file("\ndoor_http = '127.0.0.1:8080'")) == (
        "minori.toml, line 2: api and door_http are both 127.0.0.1:8080; give each listener a port of its own"
    )
    assert refusal(api="127.0.0.1:8514").startswith("--api: api and door_stream are both")


def test_two_listeners_may_both_ask_for_any_free_port() -> None:
    assert load(None, {}, {"api": "127.0.0.1:0", "door_http": "127.0.0.1:0"}).door_http == "127.0.0.1:0"


def test_the_queue_must_have_room_for_the_largest_payload(file: File) -> None:
    assert refusal(file("[limits]\nwaiting_bytes = 16383")).startswith(
        "minori.toml, line 2: limits.waiting_bytes must be at least 16384"
    )
    assert load(file("[limits]\nwaiting_bytes = 1600\npayload_bytes = 100"), {}, {}).limits.waiting_bytes == 1600


@given(st.binary(max_size=200) | st.text(alphabet="[]{}=.\"'#\n\\ abdeilmopst_01", max_size=80).map(str.encode))
@example(b"limits.payload_bytes.x=1")
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_ends_in_anything_but_settings_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    try:
        settings = load(str(path), {}, {})
    except SettingsInvalid as error:
        assert "\n" not in error.message  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(settings, Settings)


@given(st.sampled_from([setting.variable for setting in REFERENCE]), st.text(max_size=40))
def test_no_variable_ends_in_anything_but_settings_or_a_refusal(variable: str, text: str) -> None:
    try:
        load(None, {variable: text}, {})
    except SettingsInvalid as error:
        assert variable in error.message  # noqa: PT017 - either outcome is right


def test_bytes_of_the_environment_that_are_not_utf8_are_refused_readably() -> None:
    text = os.fsdecode(b"\xff:80")
    assert refusal(environment={"MINORI_API": text}).isprintable()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("tls_cert", "a.pem"), "--tls-cert: tls_cert needs tls_key beside it"),
        (("tls_key", "a.pem"), "--tls-key: tls_key needs tls_cert beside it"),
        (("door_https", "127.0.0.1:0"), "--door-https: door_https needs tls_cert beside it"),
    ],
)
def test_a_certificate_its_key_and_the_door_that_needs_them_come_together(given: tuple[str, str], message: str) -> None:
    assert refusal(None, None, **dict([given])).startswith(message)


def test_listeners_that_may_be_off_are_compared_too_but_not_where_they_are() -> None:
    tls = {"tls_cert": "a.pem", "tls_key": "a.key"}
    assert refusal(None, None, door_https="127.0.0.1:8080", **tls).startswith(
        "--door-https: api and door_https are both"
    )
    assert load(None, {}, tls).door_https == load(None, {}, tls).door_beam == ""
