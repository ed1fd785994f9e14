"""What a test does with its server."""

from __future__ import annotations

import os
import pathlib
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .calls import LIMIT_S, Calls, LarderError

REGION = "us-east-1"

# Any key will do; one of 12 digits would be an account.
KEY = "test"

# The mark at which a test began.
BEGIN = "test-begins"

# The server waits no longer in one call.
LONGEST_WAIT_S = 60.0


class Larder:
    """A running server, and where the present test began."""

    def __init__(self, endpoint: str, token: str) -> None:
        self.endpoint = endpoint
        self._calls = Calls(endpoint, token)
        self._clients: dict[str, Any] = {}
        self._pods: dict[tuple[str, int, int, bool], str] = {}
        self._since_ms = _now_ms()

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which AWS's SDKs, its command line and `larder` find the server: for subprocesses."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "LARDER_ENDPOINT": self.endpoint,
            "LARDER_TOKEN": self._calls.token,
        }

    def client(self, service: str, **settings: Any) -> Any:
        """A client of boto3. `settings` are those of `boto3.client`; without any it is made once."""
        if not settings and service in self._clients:
            return self._clients[service]
        client = self._new_client(service, settings)
        if not settings:
            self._clients[service] = client
        return client

    def _new_client(self, service: str, settings: dict[str, Any]) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise LarderError(f"clients are boto3's: pip install 'pytest-larder[boto3]' ({error})") from error
        # What the environment says of proxies is not about a server of this machine.
        config = Config(proxies={}).merge(settings.pop("config", None) or Config())
        known = {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": KEY,
        }
        return boto3.client(service, config=config, **(known | settings))

    def mark(self, name: str) -> str:
        """Names the state of now, and returns what `rewind` takes. A name that is taken moves here."""
        return f"mark:{self._calls.post(f'/_larder/marks/{name}')['mark']}"

    def rewind(self, to: str) -> None:
        """Brings a state back: `mark:NAME`, a sequence, a time. Events that wait and messages of queues are dropped."""
        self._calls.post("/_larder/rewind", {"to": to, "drop_events": True, "drop_messages": True})

    def load_pod(self, path: str | os.PathLike[str], trust: bool = False) -> None:
        """Puts a pod's state in the place of all there is. Who trusts it has it start what it asks for."""
        query = {"merge": "overwrite", "drop_events": "true", "trust": str(trust).lower()}
        with _opened(path) as file:
            self._calls.upload("/_larder/pods/load", query, file, os.fstat(file.fileno()).st_size)

    def save_pod(self, path: str | os.PathLike[str], redact: Sequence[str] = ("auto",)) -> None:
        """Writes the state of now, with what was invoked since the test began, for `larder reproduce`.

        What looks like a secret is left out, unless `redact` says otherwise: `auto`, `env:GLOB`, or nothing.
        """
        request = {"redact": list(redact), "report_since": self._since_ms}
        target = pathlib.Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whole, or not there.
        part = target.with_name(target.name + ".part")
        with self._calls.stream("/_larder/pods/save", request) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        part.replace(target)

    def wait_for_events(self, function: str | None = None, timeout: float = 60.0) -> None:
        """Waits until no asynchronous event waits or runs: of all functions, or of those that a name chooses."""
        deadline = time.monotonic() + timeout
        while True:
            left_s = max(deadline - time.monotonic(), 0.0)
            limit_s = min(left_s, LONGEST_WAIT_S)
            query = {"function": function, "timeout_ms": int(limit_s * 1000)}
            waited = self._calls.get("/_larder/queue/wait", query, limit_s + LIMIT_S)
            if waited["done"]:
                return
            if time.monotonic() >= deadline:
                counts = f"{waited['waiting']} wait, {waited['running']} of them run; {waited['deliveries']} deliveries"
                raise TimeoutError(f"after {timeout} s there still are asynchronous events: {counts}")

    def invocations(self, function: str | None = None, errors: bool = False) -> list[dict[str, Any]]:
        """What was invoked since the test began, the oldest first: of all functions, or of those that a name chooses."""
        query: dict[str, Any] = {"function": function, "errors": "true" if errors else None, "limit": 1000}
        # A time finds what was over since then; what began before is another test's.
        query["since"] = since = _iso(self._since_ms)
        found: list[dict[str, Any]] = []
        while True:
            page = self._calls.get("/_larder/invocations", query)
            found += [ran for ran in page["invocations"] if ran["started"] >= since]
            query["before"] = page.get("next")
            if query["before"] is None:
                return found[::-1]

    def invocation(self, request_id: str) -> dict[str, Any]:
        """All that is remembered of an invocation, of its last attempt: event, answer, log, calls."""
        found: list[dict[str, Any]] = self._calls.get(f"/_larder/invocations/{request_id}", {"show_secrets": "true"})
        return found[-1]

    @contextmanager
    def isolated(self, pod: str | os.PathLike[str] | None = None, trust: bool = False) -> Iterator[None]:
        """What is done to the state in here is undone at the end; it may begin with the state of a pod."""
        begin = self.mark(BEGIN)
        self._since_ms = _now_ms()
        try:
            if pod is not None:
                self._begin_with(pod, trust)
            yield
        finally:
            self.rewind(begin)

    def _begin_with(self, pod: str | os.PathLike[str], trust: bool) -> None:
        """Loads a pod once; after that its state is a rewind away."""
        with _opened(pod) as file:
            about = os.fstat(file.fileno())
        key = (os.fspath(pod), about.st_mtime_ns, about.st_size, trust)
        if key in self._pods:
            self.rewind(self._pods[key])
        else:
            self.load_pod(pod, trust)
            self._pods[key] = self.mark(f"test-pod-{len(self._pods) + 1}")


def _opened(pod: str | os.PathLike[str]) -> Any:
    try:
        return open(pod, "rb")
    except OSError as error:
        raise LarderError(f"the pod cannot be read: {error}") from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _iso(time_ms: int) -> str:
    seconds, ms = divmod(time_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ms:03}Z"
