"""What is right about an answer: the rules, and the exceptions from them with their reasons."""

import json
import re

# What AWS answers to any operation; the model leaves these out.
COMMON_ERRORS = {
    "AccessDeniedException": 403,
    "InvalidRequestContentException": 400,
    "RequestEntityTooLargeException": 413,
    "SerializationException": 400,
    "UnrecognizedClientException": 403,
    "UnsupportedMediaTypeException": 415,
    "ValidationException": 400,
}

# What Larder answers for what is no call of the API at all.
ROUTING_ERRORS = {"MethodNotAllowedException": 405, "UnknownOperationException": 404}

# Statuses of success other than the model's, as AWS was recorded.
OTHER_STATUSES = {
    "DeleteFunction": {204},  # Recorded wherever a function is deleted.
    "Invoke": {200, 202, 204},  # The status says how it was invoked.
    "InvokeWithResponseStream": {200, 204},  # The same, without events.
}

# Operations whose answer is empty where there is nothing to tell, whatever the model requires: why.
MAY_BE_EMPTY = {
    "GetFunctionCodeSigningConfig": "a function without a configuration (test_code_signing_not_found_excs)",
}

# Errors that AWS gives and the model does not declare: (operation or *, code): why.
UNDECLARED_ERRORS = {}

# Values that AWS gives and the model's enum lacks: (member, value): why.
KNOWN_VALUES = {
    ("LastUpdateStatusReasonCode", "Creating"): "recorded by most tests that update a function",
}

# Members that are null, by operation: why.
KNOWN_NULLS = {
    ("GetRuntimeManagementConfig", "RuntimeVersionArn"): "its documentation: null unless the mode is Manual",
    ("PutRuntimeManagementConfig", "RuntimeVersionArn"): "the same",
}

# Members of answers that are right and not the model's: (operation, path): why.
KNOWN_MEMBERS = {}


def problems(server, operation, answer):
    """What is wrong with an answer of an operation, whatever was asked."""
    yield from unfit_for_any(answer)
    if answer.status >= 500 and answer.header("x-amzn-errortype") in (None, "ServiceException"):
        yield "a fault of the server"
    elif answer.status >= 300:
        yield from error_problems(server, operation, answer)
    else:
        yield from success_problems(server, operation, answer)


def unfit_for_any(answer):
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.header("x-amzn-requestid") or ""):
        yield "no x-amzn-requestid"


def success_problems(server, operation, answer):
    wanted = OTHER_STATUSES.get(operation.name, {operation.http.get("responseCode", 200)})
    if answer.status not in wanted:
        yield f"status {answer.status}, the model has {sorted(wanted)}"
    try:
        parsed = server.parse(operation, answer)
    except Exception as error:  # Whatever botocore raises.
        yield f"botocore cannot parse it: {type(error).__name__}: {error}"
        return
    output = operation.output_shape
    if output is None or operation.has_event_stream_output:
        if output is None and answer.body:
            yield "a body where the model has none"
        return
    is_empty = operation.name in MAY_BE_EMPTY and answer.body in (b"", b"{}")
    for member in output.required_members:
        if member not in parsed and not is_empty:
            yield f"the required member {member} is missing"
    payload = output.serialization.get("payload")
    if payload is None:
        yield from body_problems(operation, answer, in_body(output))


def in_body(output):
    """The members of an answer that are sent in the body, by their names there."""
    members = output.members.items()
    return {wire_name(name, shape): shape for name, shape in members if "location" not in shape.serialization}


def wire_name(name, shape):
    return shape.serialization.get("name", name)


def body_problems(operation, answer, members):
    if not answer.body and not members:
        return
    try:
        body = answer.json()
    except ValueError:
        yield "the body is no JSON"
        return
    yield from structure_problems(operation, members, body, "")


def value_problems(operation, shape, value, path):
    """Strict where botocore is lenient: members and types of the body as it came."""
    kind = shape.type_name
    if value is None:
        if (operation.name, path) not in KNOWN_NULLS:
            yield f"{path} is null"
    elif kind == "structure":
        members = {wire_name(name, there): there for name, there in shape.members.items()}
        yield from structure_problems(operation, members, value, path)
        for name in shape.required_members:
            if isinstance(value, dict) and wire_name(name, shape.members[name]) not in value:
                yield f"{path}.{name} is required and missing"
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path} is no list: {value!r}"
            return
        for item in value:
            yield from value_problems(operation, shape.member, item, f"{path}[]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{path} is no map: {value!r}"
            return
        for item in value.values():
            yield from value_problems(operation, shape.value, item, f"{path}{{}}")
    elif not fits(shape, value):
        yield f"{path} is no {kind}: {value!r}"
    elif kind == "string" and shape.enum and value not in shape.enum and (shape.name, value) not in KNOWN_VALUES:
        yield f"{path} is no value of {shape.name}: {value!r}"


def structure_problems(operation, members, value, path):
    if not isinstance(value, dict):
        yield f"{path or 'the body'} is no structure: {value!r}"
        return
    for name, there in value.items():
        place = f"{path}.{name}" if path else name
        if (operation.name, place) in KNOWN_MEMBERS:
            continue
        if name not in members:
            yield f"{place} is no member of the model"
        else:
            yield from value_problems(operation, members[name], there, place)


def fits(shape, value):
    kind = shape.type_name
    if kind in ("string", "blob"):
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "long"):
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "timestamp":
        # The protocol's default for bodies: seconds since the epoch.
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# ---- errors

def error_problems(server, operation, answer):
    code = answer.header("x-amzn-errortype")
    if not code:
        yield "an error without x-amzn-errortype"
        return
    try:
        body = answer.json()
    except ValueError:
        yield "an error whose body is no JSON"
        return
    if not isinstance(body, dict):
        yield "an error whose body is no structure"
        return
    named = body.get("__type") or body.get("code")
    if named and named != code:
        yield f"the body says {named}, the header {code}"
    parsed = server.parse(operation, answer)
    if parsed.get("Error", {}).get("Code") != code:
        yield f"botocore reads the code {parsed.get('Error', {}).get('Code')}"
    yield from declared_problems(operation, answer, code, body)


def declared_problems(operation, answer, code, body):
    declared = {shape.name: shape for shape in operation.error_shapes}
    if code in declared:
        shape = declared[code]
        status = shape.metadata["error"]["httpStatusCode"]
        if answer.status != status:
            yield f"{code} with status {answer.status}, the model has {status}"
        for name, value in body.items():
            if name not in shape.members:
                yield f"{code} has a member {name} that the model lacks"
            elif value is None:
                yield f"{name} of {code} is null"
    elif code in COMMON_ERRORS:
        if answer.status != COMMON_ERRORS[code]:
            yield f"{code} with status {answer.status}, not {COMMON_ERRORS[code]}"
        if not set(body) <= {"message", "Message", "Type"}:
            yield f"{code} with members {sorted(body)}"
    elif (operation.name, code) not in UNDECLARED_ERRORS and ("*", code) not in UNDECLARED_ERRORS:
        yield f"{code} is no error of this operation: {json.dumps(body)[:300]}"


def is_unknown_operation(answer):
    return answer.header("x-amzn-errortype") in ROUTING_ERRORS


def violation_problems(answer, member):
    """A broken constraint is told as such, with the member's name."""
    code = answer.header("x-amzn-errortype")
    if (answer.status, code) != (400, "ValidationException"):
        yield f"a broken constraint of {member} gives {answer.status} {code}, not a ValidationException"
        return
    text = answer.json().get("message") or ""
    if lowered(member) not in text:
        yield f"the ValidationException does not name {lowered(member)}: {text}"


def type_problems(answer, member):
    code = answer.header("x-amzn-errortype")
    if answer.status != 400 or code not in ("SerializationException", "ValidationException", "InvalidRequestContentException"):
        yield f"another type of {member} gives {answer.status} {code}"


def null_problems(answer):
    """A member that is null and may be left out is left out."""
    if answer.header("x-amzn-errortype") == "SerializationException":
        yield f"null is refused: {answer.body[:200]}"


def lowered(name):
    return name[:1].lower() + name[1:]
