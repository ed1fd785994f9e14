"""A server of a test run's own, which ends with it."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
from typing import IO

from .calls import LarderError

# How long a server may take to be ready, and to end.
PATIENCE_S = 60.0

# Lines of the server's log that are shown where it does not start.
LOG_LINES = 15

# What the server must not hear of the environment: a folder beside --ephemeral, and one file that all would write.
_UNHEARD = ("LARDER_DATA_DIR", "LARDER_SAVE_POD_ON_EXIT")


class Server:
    """A running `larder serve`, whose state goes with it."""

    def __init__(self, program: str | None = None, executor: str | None = None) -> None:
        command = [find_program(program), "serve", "--ephemeral", "--listen", "127.0.0.1:0", "--end-with-input"]
        if executor:
            command += ["--executor", executor]
        self._log = tempfile.TemporaryFile()
        self._process = _start(command, self._log)
        try:
            banner = self._banner()
            self.endpoint = banner["address"]
            self.token = pathlib.Path(banner["data dir"], "token").read_text().strip()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it in good order: it takes its environments and its folder along."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _banner(self) -> dict[str, str]:
        """What it says of itself when it is ready."""
        assert self._process.stdout
        limit = threading.Timer(PATIENCE_S, self._process.kill)
        limit.start()
        said: dict[str, str] = {}
        try:
            for line in self._process.stdout:
                for name in ("address", "data dir"):
                    if line.startswith(f"  {name} "):
                        said[name] = line.strip()[len(name) :].strip()
                if len(said) == 2:
                    return said
        finally:
            limit.cancel()
        raise LarderError(f"larder did not start. The end of its log:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])


def find_program(program: str | None) -> str:
    """The program that is named, or `LARDER_BIN`, or the one on the PATH."""
    wanted = program or os.environ.get("LARDER_BIN") or "larder"
    found = shutil.which(wanted)
    if found is None:
        raise LarderError(
            f"there is no program `{wanted}`: install Larder (`cargo install --path .` in its repository), or say where "
            "it is with --larder-bin or LARDER_BIN"
        )
    return found


def _start(command: list[str], log: IO[bytes]) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in _UNHEARD}
    return subprocess.Popen(
        command,
        # Held as long as this process lives: the server ends with it, however that ends.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        text=True,
        # Ctrl-C is for pytest, which still needs the server to tidy up.
        start_new_session=True,
    )
