"""Larder's Runtime API client for Python: asks for events, calls the handler, answers.

Its own work, written to behave as AWS's client does towards the handler. Every import that a small
function does not need is put off, since imports are most of a cold start: JSON goes straight to the
interpreter's C codec (``json`` itself imports ``re`` and ``enum``); ``logging`` is set up when the
function imports it; ``traceback`` is imported by the first error.
"""

import _sitebuiltins
import builtins
import importlib.machinery
import os
import sys
import time

from larder_api import Api

try:
    import _json
except ImportError:  # An interpreter without the C codec.
    _json = None

# The runtimes whose client writes non-ASCII text as it is; older ones escape it.
OLD_RUNTIMES = {"AWS_Lambda_python3." + minor for minor in ("6", "7", "8", "9", "10", "11")}

# AWS's runtime has these installed; where the host has them, functions find them too. Nothing else
# of the host's packages is visible, so that a function runs here only if it brings what it needs.
BUNDLED = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six"}

# The invocation in progress, for log lines.
request_id = None


class Fault(Exception):
    """An error of the function's packaging or of its data, with a type of the Runtime's own."""

    def __init__(self, kind, message, trace=None):
        Exception.__init__(self, message)
        self.kind = kind
        self.message = message
        self.trace = trace


class _ScannerSettings:
    """What ``json.JSONDecoder`` hands to the C scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": -float("inf")}.get
    memo = {}


def decode(text):
    """JSON to objects, as ``json.loads`` does; anything unusual is left to that."""
    try:
        string = text.decode("utf-8")
        value, end = _json.make_scanner(_ScannerSettings)(string, 0)
        if not string[end:].strip(" \t\r\n"):
            return value
    except Exception:  # Leading space, another encoding, broken JSON: ask for the exact error.
        pass
    import json

    return json.loads(text)


class _Digits(str):
    """Text that stands in JSON as it is."""


def encode(value):
    """Objects to JSON, as AWS's client writes it: a ``Decimal`` keeps its digits."""
    decimals = []

    def default(item):
        kind = type(item)
        if any(base.__module__ == "decimal" and base.__name__ == "Decimal" for base in kind.__mro__):
            decimals.append(item)
            return float("nan") if item.is_nan() else _Digits(item)
        raise TypeError("Object of type %s is not JSON serializable" % kind.__name__)

    text = _encode(value, default, None)
    return _encode(value, default, _Digits) if decimals else text


def _encode(value, default, digits):
    quote = _quote()
    if digits is not None:
        # Slower, so only where a Decimal was met.
        plain = quote

        def quote(text):
            return str(text) if type(text) is digits else plain(text)

    if _json is None:
        import json

        return json.dumps(value, default=default, ensure_ascii=False)
    make = _json.make_encoder
    chunks = make({}, default, quote, None, ": ", ", ", False, False, True)(value, 0)
    return "".join(chunks)


def _quote():
    if os.environ.get("AWS_EXECUTION_ENV") in OLD_RUNTIMES:
        return _json.encode_basestring_ascii
    return _json.encode_basestring


class _Fields:
    """An object whose attributes come from JSON; absent ones are None."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        return _describe(self, self.__slots__)


class CognitoIdentity(_Fields):
    """Who called, where a Cognito identity did."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Fields):
    """The mobile application that called."""

    __slots__ = (
        "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name",
    )


class ClientContext(_Fields):
    """What a caller sent beside the event."""

    __slots__ = ("custom", "env", "client")

    def __init__(self, values):
        _Fields.__init__(self, values)
        if self.client is not None:
            self.client = Client(self.client)


class LambdaContext:
    """The handler's second argument."""

    def __init__(self, headers):
        environ = os.environ.get
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = environ("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        client = _header_json(headers, "lambda-runtime-client-context", "Client Context")
        self.client_context = None if client is None else ClientContext(client)
        identity = _header_json(headers, "lambda-runtime-cognito-identity", "Cognito Identity") or {}
        self.identity = CognitoIdentity({
            "cognito_identity_id": identity.get("cognitoIdentityId"),
            "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
        })
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms") or 0)

    def get_remaining_time_in_millis(self):
        """Milliseconds until the invocation times out, never below 0."""
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, msg):
        """Writes to the function's log as it is."""
        sys.stdout.write(str(msg))

    def __repr__(self):
        return _describe(self, (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name",
            "memory_limit_in_mb", "function_version", "invoked_function_arn", "client_context",
            "identity", "tenant_id",
        ))


def _describe(item, names):
    fields = ",".join("%s=%s" % (name, getattr(item, name)) for name in names)
    return "%s([%s])" % (type(item).__name__, fields)


def _header_json(headers, name, title):
    value = headers.get(name)
    if not value:
        return None
    try:
        return decode(value.encode("latin-1"))
    except Exception as error:
        kind = "Runtime.LambdaContextUnmarshalError"
        raise Fault(kind, "Unable to parse %s JSON: %s" % (title, error)) from None


def load_handler(name):
    """Imports the function's module and finds its handler."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, error))
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise Fault("Runtime.ImportModuleError", message)
    except SyntaxError as error:
        message = "Syntax error in module '%s': %s" % (module_name, error)
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("Runtime.UserCodeSyntaxError", message, trace)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message)


def invoke(handler, headers, body):
    """Calls the handler; gives the response's bytes and content type."""
    context = LambdaContext(headers)
    event = body
    if headers.get("content-type", "application/json") == "application/json":
        try:
            event = decode(body)
        except Exception as error:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
    response = handler(event, context)
    if isinstance(response, bytes):
        return response, "application/unknown"
    try:
        return encode(response).encode("utf-8"), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def report(api, path, error, invocation, kind=None):
    """Logs an error and posts it, as one of this kind where one is given."""
    import larder_report

    result = larder_report.describe(error, invocation)
    larder_report.log_error(result)
    kind = (kind or result["errorType"]).encode("ascii", "replace").decode("ascii")
    headers = "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: %s\r\n" % kind
    text = encode(result)
    return api.request("POST", path, text.encode("utf-8", "surrogatepass"), headers)


def serve(api, handler):
    """Serves events, one after the other, for ever."""
    global request_id
    while True:
        status, headers, body = api.request("GET", "invocation/next")
        if status != 200:
            raise SystemExit("the Runtime API answered %d to /next" % status)
        request_id = headers["lambda-runtime-aws-request-id"]
        trace = headers.get("lambda-runtime-trace-id")
        if trace is None:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            os.environ["_X_AMZN_TRACE_ID"] = trace
        try:
            result, kind = invoke(handler, headers, body)
        except Exception as error:
            report(api, "invocation/%s/error" % request_id, error, request_id)
        else:
            path = "invocation/%s/response" % request_id
            api.request("POST", path, result, "Content-Type: %s\r\n" % kind)
            # The event and the answer may be large: not kept until the next one.
            del result
        del body


class _OnLogging:
    """Sets up ``logging`` as AWS's runtime does, at the moment the function imports it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(_OnLogging)
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next(filter(None, found), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_set_up(module):
            execute(module)
            if hasattr(module, "Formatter"):
                import larder_report

                larder_report.set_up(module)

        spec.loader.exec_module = execute_and_set_up
        return spec


class _Bundled:
    """Finds AWS's bundled packages among the host's."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in BUNDLED:
            return None
        lib = "python%d.%d" % sys.version_info[:2]
        folders = [
            os.path.join(sys.prefix, "lib", lib, "site-packages"),
            os.path.join("/usr/local/lib", lib, "dist-packages"),
            "/usr/lib/python3/dist-packages",
        ]
        return importlib.machinery.PathFinder.find_spec(name, folders, target)


def _read_sources_anew(folders):
    """Has modules below the folders read from source where bytecode beside it may be of another save.

    Bytecode names the second and the size of its source: not enough for files that are being edited.
    """
    import importlib._bootstrap_external as external
    import importlib.machinery as machinery

    class Source(machinery.SourceFileLoader):
        def path_stats(self, path):
            bytecode = os.stat(external.cache_from_source(path))
            if bytecode.st_mtime_ns <= os.stat(path).st_mtime_ns:
                raise OSError("the bytecode is older than its source")
            return super().path_stats(path)

    finder = machinery.FileFinder.path_hook(
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (Source, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    )

    def hook(path):
        if not path.startswith(folders):
            raise ImportError("not a folder of the function's", path=path)
        return finder(path)

    sys.path_hooks.insert(0, hook)


def stand_by():
    """Waits for a function: its variables come from standard input, which is then as empty as ever."""
    parts = []
    while True:
        part = os.read(0, 65536)
        if not part:
            break
        parts.append(part)
    if not parts:
        os._exit(0)  # The environment ends without one.
    os.close(0)
    os.open("/dev/null", os.O_RDONLY)
    # What the interpreter itself has set, where it does not know the locale (PEP 538): AWS's functions have it, too.
    locale = os.environ.get("LC_CTYPE")
    os.environ.clear()
    if locale is not None:
        os.environ["LC_CTYPE"] = locale
    os.environ.update(decode(b"".join(parts)))


def prepare_interpreter():
    """Makes the interpreter look as AWS's does to the function."""
    opt = "/opt/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
    task = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    path = [task, opt, "/opt/python"] + sys.path
    sys.path[:] = list(dict.fromkeys(path))
    sys.meta_path.insert(0, _OnLogging)
    sys.meta_path.append(_Bundled)
    if os.environ.get("LARDER_HOT_RELOAD"):
        _read_sources_anew((task, "/opt"))
    # Without the site module, which is not loaded, these would be missing.
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")


def main():
    """Loads the handler and serves it; a function that does not load ends the process."""
    if "_LARDER_STANDS_BY" in os.environ:
        stand_by()
    prepare_interpreter()
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:
        report(api, "init/error", error, None)
        sys.exit(1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        import larder_snapshot

        larder_snapshot.checkpoint(api)
    serve(api, handler)
