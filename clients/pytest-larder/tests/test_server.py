"""The server: how it comes, and that it goes."""

import pathlib
import signal
import socket
import time
import urllib.parse

# Tells the test outside where the server is.
TOLD = """
    def test_it(larder, request):
        request.config.rootpath.joinpath("endpoint").write_text(larder.endpoint)
"""

PATIENCE_S = 30


def until(condition):
    """Whether it comes to hold."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def answers(told: pathlib.Path):
    address = urllib.parse.urlsplit(told.read_text())
    with socket.socket() as connection:
        return connection.connect_ex((address.hostname, address.port)) == 0


def test_it_is_gone_after_the_run(suite):
    suite.makepyfile(TOLD)
    suite.runpytest().assert_outcomes(passed=1)
    assert not answers(suite.path / "endpoint")


def test_it_is_gone_after_a_killed_run(suite):
    suite.makepyfile(TOLD + "\n        import time\n        time.sleep(300)\n")
    told = suite.path / "endpoint"
    run = suite.popen(suite._getpytestargs(), stdin=None)
    assert until(lambda: told.exists() and told.read_text()), "it begins"
    assert answers(told)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    run.stderr.close()
    assert until(lambda: not answers(told)), "the server ends with it"


def test_workers_have_servers_of_their_own(suite):
    suite.makepyfile(
        """
        import time

        import pytest

        @pytest.mark.parametrize("turn", range(4))
        def test_it(larder, larder_client, order, worker_id, turn, request):
            request.config.rootpath.joinpath(f"{worker_id}-{larder.endpoint[7:]}").touch()
            client = larder_client("lambda")
            assert order(id=turn)["order"] == turn
            client.delete_function(FunctionName="orders")
            # As long as the other worker's test runs, too.
            time.sleep(0.3)
            assert client.list_functions()["Functions"] == []
        """
    )
    suite.runpytest_subprocess("-n2", "--larder-pod=orders.pod").assert_outcomes(passed=4)
    servers = [path.name for path in suite.path.glob("gw?-127.0.0.1:*")]
    assert sorted(name[:3] for name in servers) == ["gw0", "gw1"], servers


def test_what_is_missing_is_said(suite, monkeypatch):
    suite.makepyfile("def test_it(larder): pass")
    done = suite.runpytest("--larder-bin=/nowhere/larder")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["there is no program `/nowhere/larder`: install Larder*--larder-bin or LARDER_BIN"])
    done.stdout.no_fnmatch_line("*Traceback*")

    monkeypatch.setenv("LARDER_BIN", "/nowhere/else")
    suite.runpytest().stdout.fnmatch_lines(["there is no program `/nowhere/else`: *"])


def test_why_it_does_not_start_is_said(suite):
    suite.makepyfile("def test_it(larder): pass")
    done = suite.runpytest("--larder-executor=nothing")
    done.stdout.fnmatch_lines(["larder did not start. The end of its log:", "*invalid value 'nothing'*"])

    (suite.path / "orders.pod").write_text("no pod")
    done = suite.runpytest("--larder-pod=orders.pod")
    done.stdout.fnmatch_lines(["larder: *does not begin as one*"])


def test_clients_need_boto3_and_say_so(suite):
    suite.makepyfile(
        """
        import sys

        def test_it(larder_client, monkeypatch):
            monkeypatch.setitem(sys.modules, "boto3", None)
            larder_client("lambda")
        """
    )
    suite.runpytest().stdout.fnmatch_lines(
        ["*LarderError: clients are boto3's: pip install 'pytest-larder[[]boto3[]]'*"]
    )


def test_code_that_makes_its_own_clients_finds_the_server(suite, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "old")
    suite.makepyfile(
        """
        import os
        import subprocess

        import boto3

        def test_it(larder, larder_environment):
            assert boto3.client("lambda").list_functions()["Functions"][0]["FunctionName"] == "orders"
            command = [os.environ["LARDER_BIN"], "state"]
            said = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True).stdout
            assert "function:orders" in said
        """
    )
    suite.runpytest("--larder-pod=orders.pod").assert_outcomes(passed=1)


def test_proxies_are_not_asked_for_a_server_of_this_machine(suite, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    suite.makepyfile("def test_it(order): assert order(id=7)['order'] == 7")
    suite.runpytest("--larder-pod=orders.pod").assert_outcomes(passed=1)
