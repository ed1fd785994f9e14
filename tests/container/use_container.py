"""What people do with our image, by the stock LocalStack module of testcontainers: usage use_container.py IMAGE."""

import io
import json
import sys
import time
import zipfile

import boto3
import docker
from botocore.exceptions import ClientError
from testcontainers.community.localstack import LocalStackContainer

IMAGE = sys.argv[1]
CODE = "def handler(event, context):\n    return {'got': event}\n"
# What the sandbox needs in a container: namespaces of its own.
OPEN = {"privileged": True}


def kept(volume):
    """A container whose data outlives it."""
    return LocalStackContainer(IMAGE).with_kwargs(**OPEN).with_volume_mapping(volume, "/var/lib/larder", "rw")


def package():
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("f.py", CODE)
    return written.getvalue()


def lambda_of(container):
    return boto3.client(
        "lambda", endpoint_url=container.get_url(), region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def create(client):
    client.create_function(
        FunctionName="f", Runtime="python3.11", Handler="f.handler", Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": package()}
    )
    client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})


def invoke(client):
    return json.load(client.invoke(FunctionName="f", Payload=b'{"a": 1}')["Payload"])


engine = docker.from_env()
volume = engine.volumes.create()
try:
    began = time.monotonic()
    with kept(volume.name) as container:
        client = lambda_of(container)
        create(client)
        assert invoke(client) == {"got": {"a": 1}}
        took = time.monotonic() - began
        wrapped = container.get_wrapped_container()
        user = wrapped.exec_run("id -u").output.strip()
        assert user == b"1000", user
        for _ in range(100):
            wrapped.reload()
            if wrapped.health == "healthy":
                break
            time.sleep(0.2)
        assert wrapped.health == "healthy", wrapped.health
        wrapped.kill()

    # What was acknowledged is in the volume, whatever became of the container.
    with kept(volume.name) as container:
        assert invoke(lambda_of(container)) == {"got": {"a": 1}}

    # Without namespaces all is served but calls of functions, which say what is missing.
    with LocalStackContainer(IMAGE) as container:
        client = lambda_of(container)
        create(client)
        try:
            raise AssertionError(f"nothing runs it: {invoke(client)}")
        except ClientError as error:
            assert "nothing here runs functions" in str(error), error
finally:
    volume.remove()

print(f"the image: all as expected; from its start to the first answer {took:.1f} s")
