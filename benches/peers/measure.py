"""Measures peers on the same function, in turns, and prints one table: see benches/peers/run."""

import argparse
import concurrent.futures
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import boto3
import psutil
from botocore.config import Config

CODE = "def handler(event, context):\n    return event\n"
ROUNDS = 3
WARM = 200
WARM_S = 20
COLD = 5
CREATED = 20
WORKERS = 8
LOAD_S = 3
PATIENCE_S = 60
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  peer:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: peer, Runtime: python3.11, Handler: f.handler, CodeUri: code, Timeout: 30}
"""


def package():
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("f.py", CODE)
    return written.getvalue()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Peer:
    """A server that is started, asked, killed and started again, with its data in a folder of its own."""

    def __init__(self, name, version, command, environment=None, creates=True):
        self.name, self.version, self.command, self.creates = name, version, command, creates
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"peer-{name}-"))
        self.port = free_port()
        self.environment = {**os.environ, **{key: value.format(**self.words()) for key, value in (environment or {}).items()}}
        self.process = None

    def words(self):
        return {"port": self.port, "folder": self.folder}

    def start(self):
        """Starts it; how long it took until its port took a connection, and answered."""
        if not self.creates:
            (self.folder / "code").mkdir(exist_ok=True)
            (self.folder / "code/f.py").write_text(CODE)
            (self.folder / "template.yaml").write_text(TEMPLATE)
        began = time.perf_counter()
        command = [word.format(**self.words()) for word in self.command]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True, **quiet)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return time.perf_counter() - began
            except OSError:
                if time.perf_counter() - began > PATIENCE_S or self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} does not start") from None
                time.sleep(0.005)

    def client(self, service="lambda"):
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=WORKERS, read_timeout=PATIENCE_S)
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", config=config, **keys)

    def role(self):
        """A role of its own, as some want one that they know."""
        client, trust = self.client("iam"), json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        try:
            return client.create_role(RoleName="peer", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        except client.exceptions.EntityAlreadyExistsException:
            return client.get_role(RoleName="peer")["Role"]["Arn"]

    def create(self, name):
        """Creates a function, and waits until it is there; how long the answer took."""
        client, role = self.client(), self.role()
        began = time.perf_counter()
        client.create_function(FunctionName=name, Runtime="python3.11", Handler="f.handler", Role=role, Code={"ZipFile": package()})
        took = time.perf_counter() - began
        while client.get_function_configuration(FunctionName=name).get("State", "Active") == "Pending":
            time.sleep(0.002)
        return took

    def invoke(self, client, name):
        began = time.perf_counter()
        answer = client.invoke(FunctionName=name, Payload=b'{"a":1}')
        if json.load(answer["Payload"]) != {"a": 1} or "FunctionError" in answer:
            raise RuntimeError("it does not run the function")
        return time.perf_counter() - began

    def memory(self):
        processes = [psutil.Process(self.process.pid)]
        return processes[0].memory_info().rss

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def peers(larder, made):
    def version(*command):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().split()[-1]

    def pinned(name):
        return (made / name / "made-of").read_text().strip().rsplit("==", 1)[1]

    serve = [larder, "serve", "--listen", "127.0.0.1:{port}", "--data-dir", "{folder}/data"]
    return {
        "larder": lambda: Peer("larder", version(larder, "--version"), [*serve, "--executor", "sandbox"]),
        "larder-docker": lambda: Peer("larder-docker", version(larder, "--version"), [*serve, "--executor", "docker"]),
        "ministack": lambda: Peer(
            "ministack", pinned("ministack"), [str(made / "ministack/bin/ministack")], {"GATEWAY_PORT": "{port}", "PERSIST_STATE": "1", "STATE_DIR": "{folder}/state"}
        ),
        "fakecloud": lambda: Peer(
            "fakecloud",
            version(made / "fakecloud/bin/fakecloud", "--version"),
            [str(made / "fakecloud/bin/fakecloud"), "--addr", "127.0.0.1:{port}", "--storage-mode", "persistent", "--data-path", "{folder}/data"],
        ),
        "moto": lambda: Peer("moto", pinned("moto"), [str(made / "moto/bin/moto_server"), "-p", "{port}"]),
        "sam": lambda: Peer(
            "sam",
            pinned("sam"),
            [str(made / "sam/bin/sam"), "local", "start-lambda", "--port", "{port}", "--warm-containers", "LAZY", "--skip-pull-image"],
            {"SAM_CLI_TELEMETRY": "0"},
            creates=False,
        ),
    }


def is_there(made, name):
    if name != "fakecloud" or (made / "fakecloud/bin/fakecloud").exists():
        return True
    print(f"peers: fakecloud is not installed in {made / 'fakecloud'}: benches/peers/run says how", file=sys.stderr)
    return False


def load(peer, name):
    """Calls in a second by some callers at once."""
    until = time.perf_counter() + LOAD_S

    def call():
        client, count = peer.client(), 0
        while time.perf_counter() < until:
            peer.invoke(client, name)
            count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return sum(future.result() for future in [pool.submit(call) for _ in range(WORKERS)]) / LOAD_S


def calls_one_after_the_other(peer, client, name):
    """How long each of some calls took; fewer of a slow peer."""
    until = time.perf_counter() + WARM_S
    took = []
    while len(took) < WARM and time.perf_counter() < until:
        took.append(peer.invoke(client, name))
    return took


def measure(peer, found, turn):
    """One turn of a peer: a fresh function, its first call and the ones after it."""
    name = f"peer{turn}" if peer.creates else "peer"
    if peer.creates:
        found["create"] += [peer.create(f"created{turn}-{number}") for number in range(CREATED)]
        for number in range(COLD):
            peer.create(f"{name}-{number}")
            found["cold"].append(peer.invoke(peer.client(), f"{name}-{number}"))
    elif turn == 0:
        found["cold"].append(peer.invoke(peer.client(), name))
    client, warm = peer.client(), f"{name}-0" if peer.creates else name
    found["warm"] += calls_one_after_the_other(peer, client, warm)
    found["rate"].append(load(peer, warm))
    found["memory"].append(peer.memory())


def survival(peer, found):
    """A kill, and what is there after it."""
    peer.kill()
    found["restart"].append(peer.start())
    if not peer.creates:
        return "no state"
    try:
        peer.invoke(peer.client(), "peer0-0")
        return "all there"
    except Exception:
        listed = peer.client().list_functions()["Functions"]
        return f"{len(listed)} functions, not run" if listed else "gone"


def ms(values, percent=50):
    if not values:
        return "–"
    ordered = sorted(values)
    return f"{ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000:.1f}"


def row(peer, found, state, problem):
    rate = f"{statistics.median(found['rate']):.0f}" if found["rate"] else "–"
    memory = f"{max(found['memory']) / 2**20:.0f}" if found["memory"] else "–"
    cells = [f"{peer.name} {peer.version}", ms(found["warm"]), ms(found["warm"], 99), ms(found["cold"]), rate]
    cells += [ms(found["create"]), ms(found["restart"]), memory, state + (f" ({problem})" if problem else "")]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--larder", required=True)
    parser.add_argument("--made", type=pathlib.Path, required=True)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    made = peers(options.larder, options.made)
    chosen = [made[name]() for name in options.names if is_there(options.made, name)]
    kinds = ["create", "cold", "warm", "rate", "memory", "restart"]
    found = {peer.name: {kind: [] for kind in kinds} for peer in chosen}
    problems = {peer.name: "" for peer in chosen}
    states = {peer.name: "not asked" for peer in chosen}

    try:
        for peer in chosen:
            try:
                peer.start()
            except RuntimeError as error:
                problems[peer.name] = str(error)
        started = [peer for peer in chosen if not problems[peer.name]]
        for turn in range(ROUNDS):
            for peer in started:
                try:
                    measure(peer, found[peer.name], turn)
                except Exception as error:
                    problems[peer.name] = str(error).splitlines()[0][:90]
        for peer in started:
            try:
                states[peer.name] = survival(peer, found[peer.name])
            except Exception as error:
                states[peer.name] = str(error).splitlines()[0][:60]
    finally:
        for peer in chosen:
            peer.end()

    print("| | warm p50, ms | p99 | cold p50, ms | calls/s at 8 | CreateFunction p50, ms | ready after kill -9, ms | memory, MB | state after kill -9 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for peer in chosen:
        print(row(peer, found[peer.name], states[peer.name], problems[peer.name]))


main()
