"""Fixtures of a pytest suite on Larder: a pod is loaded once, and every test begins with the pod's state.

`larder` must be on the PATH, or named by LARDER_BIN.
"""

import json
import os
import pathlib
import subprocess
import time
import urllib.request

import boto3
import pytest

POD = pathlib.Path(__file__).parent.parent / "orders.pod"


class Larder:
    """A server whose state is in memory and a temporary folder, and goes with it."""

    def __init__(self):
        command = [os.environ.get("LARDER_BIN", "larder"), "serve", "--ephemeral", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, "--load-pod", str(POD)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.process.stdout:
            if line.strip().startswith("address"):
                self.endpoint = line.split()[-1]
                break
        else:
            raise RuntimeError("larder did not start: run the same command by hand to see why")

    def post(self, path, body=None):
        data = json.dumps(body or {}).encode()
        # The second header tells it from what a web page can send.
        headers = {"content-type": "application/json", "x-larder-request": "1"}
        request = urllib.request.Request(self.endpoint + path, data, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def client(self):
        return boto3.client(
            "lambda",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="session")
def larder():
    server = Larder()
    server.post("/_larder/marks/loaded")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_client(larder):
    return larder.client()


@pytest.fixture
def client(larder, shared_client):
    """The client of a test, which begins with the state that the pod had."""
    started = time.perf_counter()
    larder.post("/_larder/rewind", {"to": "mark:loaded"})
    print(f"a fresh state in {(time.perf_counter() - started) * 1000:.1f} ms")
    return shared_client
