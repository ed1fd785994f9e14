"""Log lines and error reports of Larder's Python client, in the forms AWS's client gives them.

Imported only by a function that uses ``logging``, or by its first error.
"""

import os
import sys
import time

import larder_runtime

JSON = (os.environ.get("AWS_LAMBDA_LOG_FORMAT") or "").upper() == "JSON"
LEVEL = {None: "", "TRACE": "DEBUG"}.get(
    os.environ.get("AWS_LAMBDA_LOG_LEVEL"), os.environ.get("AWS_LAMBDA_LOG_LEVEL")
).upper()
TIME = "%Y-%m-%dT%H:%M:%SZ"

# Indentation in a log's traceback: CloudWatch would trim ordinary spaces.
INDENT = "\u00a0"

# Attributes of every log record; all others were added by the function and belong in the line.
STANDARD = {
    "name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info",
    "exc_text", "stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated", "thread",
    "threadName", "processName", "process", "taskName", "aws_request_id", "tenant_id",
}


def describe(error, request_id):
    """The body of an error report."""
    if isinstance(error, larder_runtime.Fault):
        kind, message, trace = error.kind, error.message, error.trace or []
    else:
        kind, message = type(error).__name__, str(error)
        trace = _trace(error)
    return {
        "errorMessage": message,
        "errorType": kind,
        "requestId": request_id or "",
        "stackTrace": trace,
    }


def _trace(error):
    """The function's part of the traceback: the frames below the client's own."""
    import traceback

    own = os.path.dirname(os.path.abspath(__file__)) + os.sep
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith(own):
        del frames[0]
    # Tuples: formatting frames marks columns, which AWS's reports do not have.
    plain = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in frames]
    return traceback.format_list(plain)


def log_error(result):
    """Writes an error to the log: one event, so its lines are parted by carriage returns."""
    if JSON:
        stamp = {"timestamp": time.strftime(TIME, time.gmtime()), "level": "ERROR"}
        sys.stdout.write(larder_runtime.encode(dict(stamp, **result)) + "\n")
    else:
        head = "[ERROR] " + result["errorType"]
        if result["errorMessage"]:
            head += ": " + result["errorMessage"]
        lines = [head, "Traceback (most recent call last):"]
        for entry in result["stackTrace"]:
            lines += [_indent(line) for line in entry.splitlines()] or [""]
        sys.stdout.write("\r".join(lines) + "\n")
    sys.stdout.flush()


def _indent(line):
    text = line.lstrip(" ")
    return INDENT * (len(line) - len(text)) + text


def set_up(logging):
    """Gives the root logger AWS's handler and format."""

    class LambdaLoggerHandler(logging.Handler):
        """Writes records to the function's log."""

        def emit(self, record):
            sys.stdout.write(self.format(record))
            sys.stdout.flush()

    class LambdaLoggerFilter(logging.Filter):
        """Adds the invocation to each record."""

        def filter(self, record):
            record.aws_request_id = larder_runtime.request_id or ""
            return True

    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler()
    if JSON:
        handler.setFormatter(_json_formatter(logging))
    else:
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(text, "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    if LEVEL in logging._nameToLevel:
        root.setLevel(LEVEL)
    handler.addFilter(LambdaLoggerFilter())
    root.addHandler(handler)


def _json_formatter(logging):
    """A formatter for one JSON object a line."""
    import json

    def exception(record):
        if not record.exc_info or record.exc_info[0] is None:
            return {}
        import traceback

        kind, error, trace = record.exc_info
        return {
            "stackTrace": traceback.format_tb(trace),
            "errorType": kind.__name__,
            "errorMessage": str(error),
            "location": "%s:%s:%s" % (record.pathname, record.funcName, record.lineno),
        }

    class JsonFormatter(logging.Formatter):
        """One JSON object a line, with the fields AWS gives."""

        def format(self, record):
            structured = isinstance(record.msg, dict) and not record.args
            level = min(50, max(0, record.levelno)) // 10 * 10
            entry = {
                "timestamp": self.formatTime(record, TIME),
                "level": logging.getLevelName(level),
                "message": record.msg if structured else record.getMessage(),
                "logger": record.name,
            }
            entry.update(exception(record))
            entry["requestId"] = record.aws_request_id
            for name, value in record.__dict__.items():
                if name not in STANDARD:
                    entry.setdefault(name, value)
            entry = {name: value for name, value in entry.items() if value is not None}
            return json.dumps(entry, ensure_ascii=False, default=str) + "\n"

    return JsonFormatter()
