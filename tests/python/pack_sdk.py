"""Writes a package of a Python function that brings AWS's SDK along, with the model of Lambda alone.

    pack_sdk.py PACKAGE HANDLER
"""

import pathlib
import sys
import zipfile

import botocore

MODULES = ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3"]
DATA = ["lambda", "endpoints.json", "partitions.json", "sdk-default-configuration.json", "_retry.json"]


def is_wanted(root, path):
    parts = path.relative_to(root).parts
    is_other_model = parts[:2] == ("botocore", "data") and parts[2:3] and parts[2] not in DATA
    return path.is_file() and "__pycache__" not in parts and not is_other_model


def main():
    package, handler = sys.argv[1:]
    root = pathlib.Path(botocore.__file__).parent.parent
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(handler, "handler.py")
        for module in MODULES:
            found = root / module
            for path in [found, *found.rglob("*")]:
                if is_wanted(root, path):
                    archive.write(path, path.relative_to(root))


main()
