"""Calls over one connection that is kept open: requests by botocore's serializer, answers by its parser."""

import datetime
import http.client
import json
import time
import urllib.parse

import botocore.awsrequest
import botocore.eventstream
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize

CREDENTIAL = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00"
PATIENCE_S = 30


def service():
    """AWS's model of Lambda."""
    return botocore.model.ServiceModel(
        botocore.loaders.Loader().load_service_model("lambda", "service-2", "2015-03-31"), "lambda"
    )


class Request:
    """A request that can be changed before it is sent."""

    def __init__(self, method, target, headers=None, body=b""):
        self.method, self.target, self.headers, self.body = method, target, headers or {}, body

    def copy(self, **changes):
        return Request(**{"method": self.method, "target": self.target, "headers": dict(self.headers), "body": self.body, **changes})

    def __str__(self):
        body = self.body if len(self.body) < 400 else self.body[:400] + b"..."
        headers = {name: value for name, value in self.headers.items() if name != "authorization"}
        target = self.target if len(self.target) < 400 else self.target[:400] + "..."
        return f"{self.method} {target}\n      headers {headers}\n      body {body!r}"


class Answer:
    """An answer as it came."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, botocore.awsrequest.HeadersDict(headers), body

    def header(self, name):
        return self.headers.get(name)

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {dict(self.headers)}\n      body {self.body[:600]!r}"


class Dropped(Exception):
    """The connection ended without an answer."""


class Server:
    """The server under test."""

    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.connection = None
        self.serializer = botocore.serialize.create_serializer("rest-json", include_validation=False)
        self.parser = botocore.parsers.create_parser("rest-json")
        self.calls = 0
        self.slowest = (0, None)

    def request(self, operation, params):
        """The request of botocore's serializer."""
        made = self.serializer.serialize_to_request(params, operation)
        botocore.awsrequest.prepare_request_dict(made, endpoint_url="http://localhost")
        parts = urllib.parse.urlsplit(made["url"])
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        body = made["body"]
        body = body.encode() if isinstance(body, str) else bytes(body or b"")
        return Request(made["method"], target, dict(made["headers"]), body)

    def send(self, request):
        """Sends it. A connection that the server closed after an answer is opened again."""
        self.calls += 1
        began = time.monotonic()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        try:
            answer = self.exchange(request)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            raise Dropped(f"{type(error).__name__}: {error}") from error
        self.slowest = max(self.slowest, (time.monotonic() - began, str(request)), key=lambda taken: taken[0])
        return answer

    def exchange(self, request):
        connection = self.connection
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        headers = {"authorization": CREDENTIAL, "content-length": str(len(request.body)), **request.headers}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.body)
        got = connection.getresponse()
        answer = Answer(got.status, got.getheaders(), got.read())
        if got.will_close:
            connection.close()
            self.connection = None
        return answer

    def parse(self, operation, answer):
        """What botocore makes of it; members of an event stream are taken as they come."""
        if answer.status < 300 and operation.has_event_stream_output:
            buffer = botocore.eventstream.EventStreamBuffer()
            buffer.add_data(answer.body)
            return {"EventStream": list(buffer)}
        raw = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
        if operation.has_streaming_output and answer.status < 300:
            raw["body"] = answer.body
        return self.parser.parse(raw, operation.output_shape)


def plain(value):
    """Parameters as they read in a report."""
    def other(value):
        return value.isoformat() if isinstance(value, datetime.datetime) else f"<{len(value)} bytes>"

    text = json.dumps(value, default=other)
    return text if len(text) < 800 else text[:800] + "..."
