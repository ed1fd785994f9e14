"""Suites that use the plugin, run by pytest's own pytester; the server and boto3 are real.

The plugin is the one that is installed. LARDER_BIN names the program.
"""

import os
import pathlib
import shutil
import subprocess

# Imported here once, and not in each suite anew: pytester forgets what a suite has imported.
import boto3  # noqa: F401
import pytest

pytest_plugins = ["pytester"]

POD = pathlib.Path(__file__).parents[3] / "docs/examples/orders.pod"


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch):
    """What the server is called by, and nothing else of this machine."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "PYTEST_ADDOPTS", "LARDER_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def suite(pytester):
    """A suite beside `orders.pod`, whose function answers with the id of an order and fails without one."""
    shutil.copy(POD, pytester.path / "orders.pod")
    pytester.makeconftest(
        """
        import json

        import pytest

        @pytest.fixture
        def order(larder_client):
            def send(**event):
                answer = larder_client("lambda").invoke(FunctionName="orders", Payload=json.dumps(event))
                return json.load(answer["Payload"])

            return send
        """
    )
    return pytester


@pytest.fixture
def cli():
    """Runs `larder` as a user would, and returns what it says."""

    def run(*arguments):
        done = subprocess.run([os.environ["LARDER_BIN"], *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run
