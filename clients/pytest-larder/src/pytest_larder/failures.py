"""What a failing test leaves: a pod with the state that it failed in, and what was invoked in it."""

from __future__ import annotations

import hashlib
import pathlib
import re

import pytest

from .calls import LarderError
from .larder import Larder

# Letters of a file's name, which file systems limit to 255 bytes.
LONGEST = 150


def path_of(folder: pathlib.Path, test_id: str) -> pathlib.Path:
    """The file of a test, which has the name of its id as far as a file can have it."""
    plain = test_id.replace("::", ".").replace("/", ".")
    name = re.sub(r"[^A-Za-z0-9._\[\]-]", "_", plain)[:LONGEST]
    # What was changed or cut may be the same of another test.
    if name != plain:
        name += "-" + hashlib.sha256(test_id.encode()).hexdigest()[:8]
    return folder / f"{name}.pod"


def keep(larder: Larder, path: pathlib.Path, report: pytest.TestReport) -> None:
    """Writes the pod, and says so in the test's report. That it cannot be written hides no failure of the test."""
    try:
        _make_folder(path.parent)
        larder.save_pod(path)
        said = f"what happened is in {path}\n`larder reproduce {path}` runs it again, here or elsewhere"
    except (LarderError, OSError) as error:
        said = f"there is no pod of what happened: {error}"
    report.sections.append(("larder", said))


def _make_folder(folder: pathlib.Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n")
