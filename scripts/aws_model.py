"""Writes the requests of Lambda as Rust tables, from botocore's model: usage aws_model.py FOLDER [--check].

requests.rs: every operation with its HTTP method, path and members. kinds.rs: the shapes that members have, with their
constraints. One entry a line, so that a newer model reads as a diff. With --check nothing is written, and a difference
fails.

Where Larder is another than the model on purpose, OVERRIDES names the constant of overrides.rs that takes its place;
that file says why.
"""

import pathlib
import re
import sys

import botocore
import botocore.loaders

# Shapes and members of the model (`Shape`, `Structure.Member`): the constant that is used instead.
OVERRIDES = {
    "Runtime": "RUNTIME",
    "LayerList": "LAYERS",
    "GetLayerVersionByArnRequest.Arn": "LAYER_VERSION_ARN",
    "ListLayersRequest.CompatibleRuntime": "LISTED_RUNTIME",
    "ListLayerVersionsRequest.CompatibleRuntime": "LISTED_RUNTIME",
    "CompatibleRuntimes": "COMPATIBLE_RUNTIMES",
    "TaggableResource": "TAGGABLE_RESOURCE",
    "HeadersList": "HEADERS",
    "AllowMethodsList": "METHODS",
    "AllowOriginsList": "ORIGINS",
}

# Structures whose members are told in another order: those that come before all others.
FIRST = {"PublishLayerVersionRequest": ["LayerName", "Description", "Content", "CompatibleRuntimes"]}

# Enums whose values AWS tells in another order than the model's: recorded (`test_create_event_source_validation`), and
# as other local Lambdas have it; that of RecursiveLoop is from memory.
ORDERS = {
    "EventSourcePosition": ["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"],
    "InvokeMode": ["RESPONSE_STREAM", "BUFFERED"],
    "RecursiveLoop": ["Terminate", "Allow"],
}

GENERATED = "//! Written by scripts/aws-model from botocore {}; do not edit.\n\n"

# What an integer without bounds may be.
BOUNDS = {"integer": ("i32::MIN as i64", "i32::MAX as i64"), "long": ("i64::MIN", "i64::MAX")}


def check_exceptions(shapes):
    """What is said above must still be about something: a model moves on."""
    names = set(shapes) | {f"{name}.{member}" for name in shapes for member in shapes[name].get("members", {})}
    said = set(OVERRIDES) | set(FIRST) | set(ORDERS) | {f"{name}.{one}" for name in FIRST for one in FIRST[name]}
    stale = sorted(said - names)
    stale += sorted(name for name in ORDERS if name in shapes and set(ORDERS[name]) != set(shapes[name]["enum"]))
    if stale:
        sys.exit(f"scripts/aws_model.py names what botocore's model has not, or not so: {', '.join(stale)}")


class Writer:
    def __init__(self, model):
        self.shapes = model["shapes"]
        self.operations = model["operations"]
        self.wanted = []

    def requests(self):
        constants, names = [], []
        for name, operation in sorted(self.operations.items()):
            http, shape = operation["http"], operation["input"]["shape"]
            members, raw_body = self.members(shape)
            names.append(constant(name))
            constants.append(
                f"pub const {constant(name)}: Request = Request {{ name: {quoted(name)}, route: Some(Route {{ "
                f"method: Method::{http['method']}, path: {quoted(http['requestUri'].rstrip('/'))} }}), "
                f"raw_body: {str(raw_body).lower()}, members: &[{', '.join(members)}] }};"
            )
        head = (
            "use axum::http::Method;\n\nuse super::{kinds, overrides};\nuse crate::protocol::operation::{Request, Route};\n"
            "use crate::protocol::shape::Member;\n\n"
        )
        every = f"/// Every operation.\n#[cfg(test)]\npub const ALL: &[Request] = &[{', '.join(names)}];\n"
        return head + "\n".join(constants) + "\n\n" + every

    def kinds(self):
        written, constants = set(), {}
        while self.wanted:
            name = self.wanted.pop()
            if name not in written:
                written.add(name)
                constants[name] = f"pub const {constant(name)}: Kind = {self.kind(name)};"
        head = "use super::overrides;\nuse crate::protocol::shape::{Kind, Member};\n\n"
        return head + "\n".join(text for _, text in sorted(constants.items())) + "\n"

    def members(self, structure):
        """The members of a request, and whether its body is no structure. A body that is one has its members here."""
        declared, members, raw_body = self.shapes[structure], [], False
        for name, member in self.in_order(structure):
            if name != declared.get("payload"):
                members.append(self.member(structure, name, member, name in declared.get("required", [])))
            elif self.shapes[member["shape"]]["type"] == "structure":
                members += self.members(member["shape"])[0]
            else:
                raw_body = True
        return members, raw_body

    def in_order(self, structure):
        members = self.shapes[structure]["members"]
        first = [(name, members[name]) for name in FIRST.get(structure, [])]
        return first + [(name, member) for name, member in members.items() if name not in dict(first)]

    def member(self, structure, name, member, required):
        kind = self.reference(member["shape"], f"{structure}.{name}")
        wire = member.get("locationName", name)
        place = {"uri": "path", "querystring": "query", "header": "header"}.get(member.get("location"), "body")
        if place == "header":
            text = f"Member::header({quoted(name)}, {quoted(wire.lower())}, {kind})"
        else:
            text = f"Member::{place}({quoted(name)}, {kind})"
            if wire != name:
                text += f".on_wire({quoted(wire)})"
        return text + (".required()" if required and place != "path" else "")

    def reference(self, shape, place):
        override = OVERRIDES.get(place) or OVERRIDES.get(shape)
        if override:
            return f"overrides::{override}"
        self.wanted.append(shape)
        return f"kinds::{constant(shape)}"

    def part(self, shape):
        return self.reference(shape, shape).removeprefix("kinds::")

    def kind(self, name):
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            members = ", ".join(self.members(name)[0]).replace("kinds::", "")
            return f"Kind::Structure(&[{members}])"
        if kind == "list":
            item = self.part(shape["member"]["shape"])
            return f"Kind::List {{ length: {length(shape)}, item: &{item} }}"
        if kind == "map":
            key, value = self.part(shape["key"]["shape"]), self.part(shape["value"]["shape"])
            return f"Kind::Map {{ length: {length(shape)}, key: &{key}, value: &{value} }}"
        if kind == "string":
            values = ", ".join(quoted(value) for value in ORDERS.get(name, shape.get("enum", [])))
            return f"Kind::Text {{ length: {length(shape)}, pattern: {pattern(shape)}, values: &[{values}] }}"
        if kind in BOUNDS:
            least, most = BOUNDS[kind]
            return f"Kind::Integer({number(shape.get('min', least))}, {number(shape.get('max', most))})"
        if kind == "double":
            return f"Kind::Float({float(shape['min'])}, {float(shape['max'])})"
        return {"boolean": "Kind::Boolean", "timestamp": "Kind::Timestamp", "blob": "Kind::Blob"}[kind]


def length(shape):
    if "min" not in shape and "max" not in shape:
        return "None"
    return f"Some(({number(shape.get('min', 0))}, {number(shape.get('max', 'usize::MAX'))}))"


def number(bound):
    return f"{bound:_}" if isinstance(bound, int) else bound


def pattern(shape):
    return f"Some({raw(shape['pattern'])})" if "pattern" in shape else "None"


def raw(text):
    hashes = "#" if '"' in text else ""
    return f'r{hashes}"{text}"{hashes}'


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def constant(name):
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    return words.upper()


def keep(path, text, check):
    if check:
        return path.read_text() == text
    path.write_text(text)
    return True


def main(folder, check=None):
    model = botocore.loaders.Loader().load_service_model("lambda", "service-2", "2015-03-31")
    check_exceptions(model["shapes"])
    writer = Writer(model)
    head = GENERATED.format(botocore.__version__)
    files = {
        "requests.rs": "//! The requests of Lambda's operations.\n//!\n" + head + writer.requests(),
        "kinds.rs": "//! The shapes of members of Lambda's requests.\n//!\n" + head + writer.kinds(),
    }
    stale = [name for name, text in files.items() if not keep(pathlib.Path(folder, name), text, check)]
    if stale:
        sys.exit(f"{folder}: {' and '.join(stale)} differ from botocore's model; scripts/aws-model writes them")


main(*sys.argv[1:])
