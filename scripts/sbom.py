"""Writes the SBOM of larder as CycloneDX: the crates whose code is in the program, each with its source, checksum and licence.

    python scripts/sbom.py TARGET

Those are what cargo resolves for this target, without what only building and testing take: build scripts, macros and what
these alone use. C code that crates bring (zstd, ring) is theirs; Rust's own library is not listed, its version is named.
"""

import json
import subprocess
import sys
import tomllib
from datetime import datetime, timezone
from os import environ
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import cyclonedx.schema
import jsonschema_rs
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def resolved(target):
    """What cargo knows of the packages, and which of them each one uses."""
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {package["id"]: package for package in metadata["packages"]}
    uses = {
        node["id"]: [
            dep["pkg"]
            for dep in node["deps"]
            if any(kind["kind"] is None for kind in dep["dep_kinds"]) and not is_macro(packages[dep["pkg"]])
        ]
        for node in metadata["resolve"]["nodes"]
    }
    return packages, uses, metadata["resolve"]["root"]


def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def reached(root, uses):
    """All that the root uses, and what these use, in an order that stays."""
    found, open_ = set(), [root]
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_.extend(uses[one])
    return sorted(found)


def checksums():
    """Of the packages that come from a registry, by name and version."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(each["name"], each["version"]): each.get("checksum") for each in lock["package"]}


def licence(package):
    """Older crates separate alternatives with a slash, which SPDX does not know."""
    text = (package["license"] or "").replace("/", " OR ")
    return [LicenseExpression(" ".join(text.split()))] if text else []


def component(package, checksum):
    name, version = package["name"], package["version"]
    links = [(ExternalReferenceType.VCS, package["repository"]), (ExternalReferenceType.WEBSITE, package["homepage"])]
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION if name == "larder" else ComponentType.LIBRARY,
        description=package["description"],
        licenses=licence(package),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        purl=PackageURL("cargo", name=name, version=version),
        bom_ref=f"{name}@{version}",
        external_references=[ExternalReference(type=kind, url=XsUri(url)) for kind, url in links if url],
    )


def bill(target):
    packages, uses, root = resolved(target)
    sums = checksums()
    parts = {
        one: component(packages[one], sums.get((packages[one]["name"], packages[one]["version"])))
        for one in reached(root, uses)
    }
    bom = Bom(components=[part for one, part in parts.items() if one != root])
    bom.metadata.component = parts[root]
    bom.metadata.properties = [
        Property(name="larder:target", value=target),
        Property(name="larder:rustc", value=output("rustc", "--version").strip()),
    ]
    bom.metadata.timestamp = datetime.fromtimestamp(int(environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    for one, part in parts.items():
        bom.register_dependency(part, [parts[other] for other in uses[one]])
    # The same content has the same number.
    bom.serial_number = uuid5(NAMESPACE_URL, f"{target} {environ['SOURCE_DATE_EPOCH']} {sorted(parts)}")
    return bom


def validator():
    """By CycloneDX's schema, which its library carries; the library's own validator takes half a minute for ours."""
    folder = Path(cyclonedx.schema.__file__).parent / "_res"
    schemas = {
        name: json.loads((folder / name).read_text())
        for name in ("bom-1.6.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json")
    }
    known = [(f"http://cyclonedx.org/schema/{name}", schema) for name, schema in schemas.items()]
    return jsonschema_rs.validator_for(known[0][1], registry=jsonschema_rs.Registry(known[1:]), validate_formats=True)


def main():
    text = JsonV1Dot6(bill(sys.argv[1])).output_as_string(indent=1)
    for error in validator().iter_errors(json.loads(text)):
        sys.exit(f"sbom: what was written is no CycloneDX: {error}")
    print(text)


main()
