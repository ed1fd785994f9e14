"""Fixtures of a pytest suite on Larder: a pod is loaded once, and every test begins with the pod's state.

The plugin `pytest-larder` does it (docs/testing.md); `pytest.ini` names the pod. `larder` must be on the PATH, or named by
LARDER_BIN.
"""

import pytest


@pytest.fixture
def client(larder_client):
    """Lambda's client."""
    return larder_client("lambda")
