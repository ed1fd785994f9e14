"""Extracts from botocore's model of Lambda what Larder's tests compare with: usage extract_model.py FOLDER [--check].

operations.json: every operation with its HTTP method, path, status of success and request shape.
requests.json: the shapes that requests are made of, with their constraints.

One entry a line, so that a newer model reads as a diff. With --check nothing is written, and a difference fails.
"""

import json
import pathlib
import sys

import botocore.loaders

CONSTRAINTS = ("min", "max", "pattern", "enum")


def main(folder, check=None):
    model = botocore.loaders.Loader().load_service_model("lambda", "service-2", "2015-03-31")
    operations = {name: operation(name, declared) for name, declared in sorted(model["operations"].items())}
    shapes, wanted = {}, [declared["request"] for declared in operations.values()]
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = shape(model["shapes"][name])
            wanted += parts(shapes[name])
    files = {"operations.json": operations, "requests.json": dict(sorted(shapes.items()))}
    stale = [name for name, content in files.items() if not keep(pathlib.Path(folder, name), content, check)]
    if stale:
        sys.exit(f"{folder}: {' and '.join(stale)} differ from botocore's model; scripts/aws-model writes them")


def operation(name, declared):
    http = declared["http"]
    return {
        "method": http["method"],
        "path": http["requestUri"],
        "status": http.get("responseCode", 200),
        "request": declared["input"]["shape"],
    }


def shape(declared):
    kept = {"type": declared["type"]}
    kept |= {name: declared[name] for name in CONSTRAINTS if name in declared}
    if "members" in declared:
        required, payload = declared.get("required", []), declared.get("payload")
        kept["members"] = {
            name: member(name, there, name in required, name == payload) for name, there in declared["members"].items()
        }
    for part in ("member", "key", "value"):
        if part in declared:
            kept[part] = declared[part]["shape"]
    return kept


def member(name, declared, required, payload):
    kept = {"shape": declared["shape"]}
    if payload:
        kept["in"] = "payload"
    elif "location" in declared:
        kept["in"] = {"uri": "path", "querystring": "query"}.get(declared["location"], declared["location"])
    if declared.get("locationName", name) != name:
        kept["wire"] = declared["locationName"]
    if required:
        kept["required"] = True
    return kept


def parts(kept):
    direct = [kept[part] for part in ("member", "key", "value") if part in kept]
    return direct + [there["shape"] for there in kept.get("members", {}).values()]


def keep(path, content, check):
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in content.items())
    text = f"{{\n{lines}\n}}\n"
    if check:
        return path.read_text() == text
    path.write_text(text)
    return True


main(*sys.argv[1:])
