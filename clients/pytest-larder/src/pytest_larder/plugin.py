"""Options, fixtures and hooks."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from . import failures
from .calls import LarderError
from .larder import Larder
from .server import Server

FAILURES = ".larder-failures"

# The server that a test uses.
USED: pytest.StashKey[Larder] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("larder", "Larder, AWS Lambda on this machine")
    group.addoption("--larder-bin", metavar="FILE", help="the program; else LARDER_BIN, or `larder` on the PATH")
    group.addoption("--larder-pod", metavar="FILE", help="pod with whose state the tests begin (ini: larder_pod)")
    group.addoption("--larder-executor", metavar="NAME", help="what runs functions: docker, sandbox or auto")
    group.addoption("--larder-failures", metavar="DIR", help=f"where failing tests leave pods [{FAILURES}]")
    parser.addini("larder_pod", "pod with whose state the tests begin; beside this file")
    parser.addini("larder_executor", "what runs functions: docker, sandbox or auto")
    parser.addini("larder_failures", "where failing tests leave pods; beside this file", default=FAILURES)


def pytest_configure(config: pytest.Config) -> None:
    marker = "larder(pod, trust=False): the test begins with the state of a pod, which lies beside the test's file"
    config.addinivalue_line("markers", marker)


def _path(config: pytest.Config, name: str) -> pathlib.Path | None:
    """A path of the command line, from where pytest was started, or of the ini file, from beside it."""
    given: str | None = config.getoption(f"--larder-{name}")
    if given:
        return config.invocation_params.dir / given

    written: str = config.getini(f"larder_{name}")
    beside = config.inipath.parent if config.inipath else config.rootpath
    return beside / written if written else None


@pytest.fixture(scope="session")
def larder(pytestconfig: pytest.Config) -> Iterator[Larder]:
    """A server for this run (for each worker of xdist one), which ends with it."""
    pod = _path(pytestconfig, "pod")
    executor = pytestconfig.getoption("--larder-executor") or pytestconfig.getini("larder_executor")
    try:
        server = Server(pytestconfig.getoption("--larder-bin"), executor or None)
    except LarderError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        started = Larder(server.endpoint, server.token)
        _load(started, pod)
        yield started
    finally:
        server.stop()


def _load(started: Larder, pod: pathlib.Path | None) -> None:
    try:
        if pod is not None:
            started.load_pod(pod)
    except LarderError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def larder_client(larder: Larder) -> Callable[..., Any]:
    """Makes boto3's clients: `larder_client("lambda")`."""
    return larder.client


@pytest.fixture
def larder_environment(larder: Larder, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sets the variables by which clients that the tested code makes itself find the server."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in larder.environment.items():
        monkeypatch.setenv(name, value)
    return larder.environment


@pytest.fixture(autouse=True)
def _larder_isolated(request: pytest.FixtureRequest) -> Iterator[None]:
    """Undoes what a test did. Fixtures of wider scopes are made before: what they did stays. Others' tests pay nothing."""
    marker = request.node.get_closest_marker("larder")
    if marker is None and "larder" not in request.fixturenames:
        yield
        return
    used: Larder = request.getfixturevalue("larder")
    request.node.stash[USED] = used
    pod, trust = _asked(*marker.args, **marker.kwargs) if marker else (None, False)
    beside = request.node.path.parent
    with used.isolated(None if pod is None else beside / pod, trust):
        yield


def _asked(pod: str | None = None, *, trust: bool = False) -> tuple[str | None, bool]:
    """What a marker may say."""
    return pod, trust


# The first to be called is the last to see the report: after those who make a failure an expected one.
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    used = item.stash.get(USED, None)
    folder = _path(item.config, "failures")
    if used is None or folder is None or call.when == "teardown":
        return
    path = failures.path_of(folder, item.nodeid)
    if report.failed:
        failures.keep(used, path, report)
    elif call.when == "call":
        # One of a run before this would tell of what is no more.
        path.unlink(missing_ok=True)
