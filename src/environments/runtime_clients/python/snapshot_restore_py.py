"""Hooks around the snapshot of a function with SnapStart: the library of this name that AWS's Python
runtime has installed. A package may bring its own, which is found before this one."""

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    """Has ``func`` called before the snapshot is made; also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Has ``func`` called after a restore; also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    """What was registered for before the snapshot, in that order."""
    return _before_snapshot


def get_after_restore():
    """What was registered for after a restore, in that order."""
    return _after_restore
