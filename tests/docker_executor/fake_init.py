#!/var/lang/bin/python3
"""Stands in for larder-init in the tests of the Docker executor: dials the link, says what it sees,
and stays until the other end says something or is gone."""
import json, os, resource, signal, socket


def dial(link):
    kind, where = link.split(":", 1)
    if kind == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(where)
        return connection
    host, port = where.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def writable(path):
    try:
        open(path, "w").close()
        return True
    except OSError:
        return False


def runtime_user():
    """Becomes the runtime's user in a child, as the init does, then ends it from outside."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(990)
        os.setuid(993)
        os.write(writer, f"{os.getuid()}:{os.getgid()} tmp={writable('/tmp/x')}".encode())
        signal.pause()
    seen = os.read(reader, 100).decode()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return seen


status = dict(line.split(":", 1) for line in open("/proc/self/status"))
report = {
    "pid": os.getpid(),
    "uid": os.getuid(),
    "folder": os.getcwd(),
    "capabilities": status["CapEff"].strip(),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "task": sorted(os.listdir("/var/task")),
    "handler": open("/var/task/handler.py").read() if os.path.exists("/var/task/handler.py") else None,
    "task_writable": writable("/var/task/new"),
    "link_writable": writable("/var/larder/new"),
    "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
    "runtime_user": runtime_user(),
    "variables": {k: v for k, v in os.environ.items() if k.startswith("LARDER_")},
}
connection = dial(os.environ["LARDER_LINK"])
connection.sendall(json.dumps(report).encode() + b"\n")
connection.recv(1)
