"""SnapStart in Larder's Python client: what happens around the snapshot of an initialised function.

Imported only where the function is started out of a snapshot.
"""

import sys

import larder_runtime


def checkpoint(api):
    """Runs the hooks before the snapshot, waits for the restore, and runs the hooks after it.

    A hook that fails ends the process, with AWS's types of errors and exit statuses.
    """
    try:
        # The last one registered is the first.
        _run(reversed(_hooks("get_before_snapshot")))
        api.request("GET", "restore/next")
    except Exception as error:
        larder_runtime.report(api, "init/error", error, None, "Runtime.BeforeSnapshotError")
        sys.exit(64)
    try:
        _run(_hooks("get_after_restore"))
    except Exception as error:
        larder_runtime.report(api, "restore/error", error, None, "Runtime.AfterRestoreError")
        sys.exit(65)


def _hooks(name):
    """The hooks of one kind; none where the function did not import the library for them."""
    library = sys.modules.get("snapshot_restore_py")
    return list(getattr(library, name)()) if library else []


def _run(hooks):
    for function, arguments, named in hooks:
        function(*arguments, **named)
