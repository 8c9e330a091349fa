"""Fixtures that several kinds of test share: running servers, and their logs beside a failure."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

import warm
from mosquitto import Workshop
from serving import STDERR_TAIL, Serve, Server

# The default run tries the same examples every time, so that it fails for what was changed and nothing else;
# `make test-all` looks for new ones, and more of them. Neither asserts time.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("searching", deadline=None, max_examples=200)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cold", action="store_true", help="start every server and command as a shell does, not forked")


def pytest_configure(config: pytest.Config) -> None:
    warm.cold = config.getoption("--cold")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that runs a command in its own process sets up logs; the next one would miss what it looks for."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running demo server that tests share, one a worker: write to resources of your own."""
    with Server(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def headers(server: Server) -> dict[str, str]:
    """The two headers of every API call to `server`."""
    return server.login()


@pytest.fixture
def own_server(serve: Serve) -> Server:
    """A running demo server for one test alone."""
    return serve()


@pytest.fixture
def serve(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Starts servers with flags, environment or a wrapper of the test's choice."""
    started: list[Server] = []
    request.node.servers = started
    with ExitStack() as stack:

        def start(
            *flags: str,
            demo: bool = True,
            environment: Mapping[str, str] | None = None,
            prefix: Sequence[str] = (),
            data_dir: Path | None = None,
        ) -> Server:
            folder = data_dir or tmp_path / f"data{len(started)}"
            server = Server(folder, *flags, demo=demo, environment=environment, prefix=prefix).start()
            started.append(server)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Starts MQTT brokers, and servers that are subscribed there."""
    built = Workshop(tmp_path)
    try:
        yield built
    finally:
        built.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        arguments = getattr(item, "funcargs", {}).values()
        servers = [*getattr(item, "servers", ()), *(value for value in arguments if isinstance(value, Server))]
        for server in dict.fromkeys(servers):
            report.sections.append((f"standard error of {server.data_dir.name}", server.stderr[-STDERR_TAIL:]))
    return report
