"""Calls of a server's own endpoints, `/_larder/…`."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import Any, BinaryIO

# How long a call may take that waits for nothing but the server itself.
LIMIT_S = 60.0

# What the environment says of proxies is not about a server of this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LarderError(Exception):
    """Larder is not to be had, or does not do what it was asked to."""


class Calls:
    """Calls of one server, as its owner."""

    def __init__(self, endpoint: str, token: str) -> None:
        self.endpoint = endpoint
        self.token = token

    def get(self, path: str, query: Mapping[str, Any] | None = None, limit_s: float = LIMIT_S) -> Any:
        """The answer to a question."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{path}?{urllib.parse.urlencode(asked)}" if asked else path
        with self._open(urllib.request.Request(self.endpoint + url), limit_s) as answer:
            return json.load(answer)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to what changes something."""
        with self.stream(path, body) as answer:
            return json.load(answer)

    def stream(self, path: str, body: Mapping[str, Any] | None = None) -> HTTPResponse:
        """The same, for an answer that is no JSON."""
        headers = {"content-type": "application/json"}
        data = json.dumps(body or {}).encode()
        return self._open(urllib.request.Request(self.endpoint + path, data, headers, method="POST"))

    def upload(self, path: str, query: Mapping[str, Any], file: BinaryIO, size: int) -> Any:
        """The answer to a file."""
        url = f"{self.endpoint}{path}?{urllib.parse.urlencode(query)}"
        headers = {"content-type": "application/zstd", "content-length": str(size)}
        with self._open(urllib.request.Request(url, file, headers, method="POST")) as answer:
            return json.load(answer)

    def _open(self, request: urllib.request.Request, limit_s: float = LIMIT_S) -> HTTPResponse:
        request.add_header("authorization", f"Bearer {self.token}")
        # Tells it from what a web page can send.
        request.add_header("x-larder-request", "1")
        try:
            return _OPENER.open(request, timeout=limit_s)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            raise LarderError(f"larder: {_reason(error)}") from None
        except OSError as error:
            raise LarderError(f"larder does not answer at {self.endpoint}: {error}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {text}"
