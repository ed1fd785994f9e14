"""Stands in the upstream for a function of Larder's, and hands on to it whatever comes.

It needs nothing but Python's own library: what runs it may have no SDK.
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
import time
import urllib.parse

ENDPOINT = os.environ["LARDER_SHADOW_ENDPOINT"]
FUNCTION = os.environ["LARDER_SHADOW_FUNCTION"]
KEY = os.environ["LARDER_SHADOW_KEY"]
SECRET = os.environ["LARDER_SHADOW_SECRET"]
TOKEN = os.environ["LARDER_SHADOW_TOKEN"]

# What Larder sends to see whether this runs, and whether it reaches Larder.
PROBE = "larder:shadow"

# Services that invoke asynchronously whatever they have to tell, by the source that their records name.
TELLING = ("aws:sns", "aws:s3")


def handler(event, context):
    is_probe = isinstance(event, dict) and list(event) == [PROBE]
    kind = "DryRun" if is_probe else "Event" if is_told(event) else "RequestResponse"
    answer, body = send(event, kind, qualifier(context), trace(event), seconds_left(context))
    if is_probe:
        return {PROBE: answer.status, "message": message(body)}
    if answer.status >= 300:
        fail(answer.getheader("x-amzn-errortype", "").split(":")[0] or "Larder.Refused", message(body))
    if answer.getheader("x-amz-function-error"):
        failure = decoded(body)
        failure = failure if isinstance(failure, dict) else {}
        fail(failure.get("errorType") or "Error", failure.get("errorMessage") or text(body))
    return decoded(body)


def is_told(event):
    """Whether it comes from a service that hears nothing of the outcome, on AWS too: the queue, the attempts and the
    destinations are then those of the function, which Larder has."""
    if not isinstance(event, dict):
        return False
    if "detail-type" in event and "detail" in event and "source" in event:
        return True
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    return isinstance(first, dict) and (first.get("EventSource") or first.get("eventSource")) in TELLING


def qualifier(context):
    """The version or alias that was invoked, as far as it is told; else the version that this is."""
    parts = str(getattr(context, "invoked_function_arn", "")).split(":")
    if len(parts) > 7:
        return parts[7]
    version = str(getattr(context, "function_version", ""))
    return version if version.isdigit() else None


def trace(event):
    """The trace, with the functions on the way here: by it Larder sees loops."""
    here = os.environ.get("_X_AMZN_TRACE_ID")
    if here or not isinstance(event, dict):
        return here
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    attributes = first.get("attributes") if isinstance(first, dict) else None
    return attributes.get("AWSTraceHeader") if isinstance(attributes, dict) else None


def seconds_left(context):
    try:
        return max(1.0, context.get_remaining_time_in_millis() / 1000)
    except Exception:
        return 900.0


def send(event, kind, wanted, trace_header, timeout):
    body = json.dumps(event).encode()
    path = "/2015-03-31/functions/" + urllib.parse.quote(FUNCTION, safe="") + "/invocations"
    query = "Qualifier=" + urllib.parse.quote(wanted, safe="") if wanted else ""
    place = urllib.parse.urlsplit(ENDPOINT)
    headers = {"host": place.netloc, "content-type": "application/json", "x-amz-invocation-type": kind}
    if trace_header:
        headers["x-amzn-trace-id"] = trace_header
    sign(headers, path, query, body)
    if place.scheme == "https":
        connection = http.client.HTTPSConnection(place.netloc, timeout=timeout, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(place.netloc, timeout=timeout)
    try:
        connection.request("POST", path + ("?" + query if query else ""), body, headers)
        answer = connection.getresponse()
        return answer, answer.read()
    except (OSError, http.client.HTTPException) as error:
        fail("Larder.Unreachable", "Larder does not answer at " + ENDPOINT + ": " + str(error))
    finally:
        connection.close()


def sign(headers, path, query, body):
    """Signature of version 4: account and region are in it, and a Larder that verifies callers takes no other."""
    region = FUNCTION.split(":")[3]
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers["x-amz-date"] = now
    headers["x-amz-security-token"] = TOKEN
    names = sorted(headers)
    signed = ";".join(names)
    digest = hashlib.sha256(body).hexdigest()
    lines = "".join(name + ":" + headers[name].strip() + "\n" for name in names)
    # Of all services but S3 the path is encoded once more.
    canonical = "\n".join(["POST", urllib.parse.quote(path, safe="/-_.~"), query, lines, signed, digest])
    scope = "/".join([now[:8], region, "lambda", "aws4_request"])
    text_to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text_to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        "AWS4-HMAC-SHA256 Credential=" + KEY + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + signature
    )


def text(body):
    return body.decode("utf-8", "replace")


def decoded(body):
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return text(body)


def message(body):
    answer = decoded(body)
    told = answer.get("message") or answer.get("Message") if isinstance(answer, dict) else None
    return told or text(body)


def fail(kind, why):
    """Fails as the function did: runtimes tell an error's type by the name of its class."""
    raise type(str(kind), (Exception,), {"__module__": "builtins"})(why) from None
