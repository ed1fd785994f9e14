"""Calls that a well-meaning client never makes: broken constraints, other types, and plain nonsense."""

import json

from values import violations


class Target:
    """A member of a request, at any depth."""

    def __init__(self, path, name, shape, required, location):
        self.path, self.name, self.shape, self.required, self.location = path, name, shape, required, location

    @property
    def is_member(self):
        """Whether it is a member of a structure, and no item of a list or value of a map."""
        return self.path[-1] not in (0, "*")

    def __str__(self):
        return ".".join(str(part) for part in self.path)


def targets(shape, path=(), name="", location=None, nested=False):
    """Every member of a request shape, and items of its lists and values of its maps."""
    kind = shape.type_name
    if kind == "structure":
        payload = shape.serialization.get("payload")
        for member, there in shape.members.items():
            where = "payload" if member == payload else there.serialization.get("location", "body")
            where = location or where
            yield Target((*path, member), member, there, member in shape.required_members, where)
            yield from targets(there, (*path, member), member, where, True)
    elif kind == "list" and nested:
        yield Target((*path, 0), name, shape.member, False, location)
        yield from targets(shape.member, (*path, 0), name, location, True)
    elif kind == "map" and nested:
        yield Target((*path, "*"), name, shape.value, False, location)
        yield from targets(shape.value, (*path, "*"), name, location, True)


def broken_constraints(values, operation):
    """(what, member, parameters): each breaks one constraint."""
    for target in targets(operation.input_shape):
        def valid():
            return values.value(operation.input_shape, "", lambda member: member in target.path)

        for what, change in violations(target.shape):
            params = valid()
            if changed(params, target.path, change) and can_be_sent(params, target):
                yield f"{target}: {what}", target.name, params
        if target.shape.type_name == "map":
            for what, change in violations(target.shape.key):
                params = valid()
                if changed(params, target.path, lambda entries: with_key(entries, change)):
                    yield f"{target}: a key {what}", target.name, params
        if target.required and target.location in ("body", "querystring", "header"):
            params = valid()
            if changed(params, target.path, lambda _: None):
                yield f"{target}: left out", target.name, params


def with_key(entries, change):
    key, value = next(iter(entries.items()))
    return {change(key): value}


def can_be_sent(params, target):
    """An empty text in a path is another path; an empty list in a query is none."""
    value = find(params, target.path)
    return value not in ("", []) or target.location not in ("uri", "querystring", "header")


def changed(params, path, change):
    """Changes the value at a path (leaves it out for None); false where there is none."""
    *way, last = path
    inner = find(params, way)
    if last == "*" and isinstance(inner, dict) and inner:
        last = next(iter(inner))
    if not isinstance(inner, (dict, list)) or (isinstance(inner, dict) and last not in inner) or inner == []:
        return False
    value = change(inner[last])
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return True


def find(params, path):
    for part in path:
        if part == "*":
            part = next(iter(params), None) if isinstance(params, dict) else None
        try:
            params = params[part]
        except (KeyError, IndexError, TypeError):
            return None
    return params


# A value of another JSON type, which cannot be taken for the right one.
OTHER_TYPES = {
    "string": {"is": "an object"},
    "blob": [1],
    "integer": "many",
    "long": "many",
    "double": "many",
    "float": "many",
    "boolean": "maybe",
    "timestamp": {"is": "an object"},
    "list": "a text",
    "map": "a text",
    "structure": "a text",
}


def other_types(values, operation):
    """(what, target, path in the body, parameters, JSON value): a member of the body gets a value of another type."""
    for target in targets(operation.input_shape):
        if target.location not in ("body", "payload") or target.path == (operation.input_shape.serialization.get("payload"),):
            continue
        params = values.value(operation.input_shape, "", lambda member: member in target.path)
        path = target.path[1:] if target.location == "payload" else target.path
        if find(params, target.path) is None:
            continue
        yield f"{target}: another type", target, path, params, OTHER_TYPES[target.shape.type_name]
        yield f"{target}: null", target, path, params, None


def with_body_value(request, path, value):
    """The request with another value in its JSON body; None where it has no such."""
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    inner = find(body, path[:-1])
    last = path[-1]
    if last == "*" and isinstance(inner, dict) and inner:
        last = next(iter(inner))
    if not isinstance(inner, (dict, list)) or last == "*":
        return None
    inner[last] = value
    return request.copy(body=json.dumps(body).encode())


def hostile(operation, request):
    """(what, request): whatever they get, it is an answer."""
    huge = b'"' + b"A" * 300_000 + b'"'
    members = [name for name, shape in operation.input_shape.members.items() if "location" not in shape.serialization]
    bodies = {
        "an array": b"[]",
        "a text": b'"text"',
        "null": b"null",
        "a number": b"12e999",
        "cut off": b'{"FunctionName": "x',
        "empty": b"",
        "blanks": b" \r\n\t ",
        "nested deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        "arrays nested deep": b"[" * 50_000,
        "bad UTF-8": b'{"Description": "\xff\xfe\xc3("}',
        "a lone surrogate": b'{"Description": "\\ud800"}',
        "control characters": b'{"Description": "\x00\x01\x1f"}',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "an unknown member": b'{"NoSuchMember": {"a": [1, 2, {"b": null}]}}',
    }
    for member in members:
        name = json.dumps(member).encode()
        bodies[f"{member} huge"] = b"{" + name + b": " + huge + b"}"
        bodies[f"{member} twice"] = b"{" + name + b": null, " + name + b": 1, " + name + b": {}}"
        bodies[f"{member} nested deep"] = b"{" + name + b": " + b'{"a":[' * 60 + b"1" + b"]}" * 60 + b"}"
        bodies[f"{member} a big number"] = b"{" + name + b": 123456789012345678901234567890}"
    for what, body in bodies.items():
        yield f"the body is {what}", request.copy(body=body)
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "\xe9;;=", ""):
        yield f"content type {kind!r}", request.copy(headers={**request.headers, "content-type": kind})
    yield from hostile_targets(request)


def hostile_targets(request):
    path, _, query = request.target.partition("?")
    *before, last = path.split("/")
    stem = "/".join(before)
    for text in ("%00", "%0a%0d", "%ff%fe", "%zz", "%", "%25%30%30", "%2e%2e%2f", "%f0%9f%92%a9", "a" * 30_000, "%2F", "'%22%3C%3E"):
        yield f"the path ends in {text[:20]}", request.copy(target=f"{stem}/{text}" + (f"?{query}" if query else ""))
    if stem.count("/") > 2:
        inner = path.split("/")
        inner[3] = "%00%ff%27"
        yield "the path has control characters", request.copy(target="/".join(inner) + (f"?{query}" if query else ""))
    joined = f"{request.target}{'&' if '?' in request.target else '?'}"
    for text in ("MaxItems=-1", "MaxItems=99999999999999999999", "Marker=%00", "Marker=bm9uc2Vuc2U%3D", "Qualifier=%ff",
                 "Qualifier=1&Qualifier=2", "&&==&%=%", "x=" + "y" * 20_000):
        yield f"the query has {text[:24]}", request.copy(target=joined + text)
    yield "a slash at the end", request.copy(target=f"{path}/" + (f"?{query}" if query else ""))
    for method in ("PATCH", "OPTIONS", "PROPFIND"):
        yield f"the method {method}", request.copy(method=method)
    for header in ("authorization", "x-amz-date", "x-amz-security-token", "x-amz-invocation-type", "x-amz-client-context"):
        yield f"an odd {header}", request.copy(headers={**request.headers, header: "\xff\x80 ,;=%00"})
