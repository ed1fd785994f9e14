"""What a Python program does with a function, by boto3: usage use_boto3.py URL RUNTIME."""

import base64
import hashlib
import io
import json
import sys
import urllib.request
import zipfile

import boto3
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/lambda"


def package(text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("handler.py", f"def handler(event, context):\n    return {{'text': {text!r}, 'event': event}}\n")
    return content.getvalue()


def invoke(client, **request):
    answer = client.invoke(FunctionName="boto", Payload=json.dumps({"n": 1}), **request)
    assert answer["StatusCode"] == 200, answer
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read()), answer


def main(url, runtime):
    client = boto3.client(
        "lambda", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="123456789012", aws_secret_access_key="x"
    )
    created = client.create_function(
        FunctionName="boto", Runtime=runtime, Role=ROLE, Handler="handler.handler", Timeout=30,
        Code={"ZipFile": package("one")},
    )
    assert created["State"] == "Pending", created
    assert created["FunctionArn"] == "arn:aws:lambda:eu-west-1:123456789012:function:boto", created
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201, created
    client.get_waiter("function_active_v2").wait(FunctionName="boto", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.get_waiter("function_exists").wait(FunctionName="boto", WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    answer, response = invoke(client, LogType="Tail")
    assert answer == {"text": "one", "event": {"n": 1}}, answer
    log = base64.b64decode(response["LogResult"]).decode()
    request_id = response["ResponseMetadata"]["RequestId"]
    assert f"START RequestId: {request_id}" in log and f"REPORT RequestId: {request_id}" in log, log

    published = client.publish_version(FunctionName="boto")
    assert published["Version"] == "1", published
    alias = client.create_alias(FunctionName="boto", Name="live", FunctionVersion="1")
    assert alias["AliasArn"].endswith(":function:boto:live"), alias
    code = package("two")
    updated = client.update_function_code(FunctionName="boto", ZipFile=code, RevisionId=client.get_function_configuration(FunctionName="boto")["RevisionId"])
    assert updated["LastUpdateStatus"] == "InProgress", updated
    client.get_waiter("function_updated_v2").wait(FunctionName="boto", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    found = client.get_function(FunctionName="boto")
    assert found["Configuration"]["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode(), found
    with urllib.request.urlopen(found["Code"]["Location"]) as download:
        assert download.read() == code
    assert invoke(client)[0]["text"] == "two"
    answer, response = invoke(client, Qualifier="live")
    assert (answer["text"], response["ExecutedVersion"]) == ("one", "1"), (answer, response)

    names = [function["FunctionName"] for page in client.get_paginator("list_functions").paginate() for function in page["Functions"]]
    assert names == ["boto"], names
    try:
        client.get_function(FunctionName="nobody")
        raise AssertionError("nobody is there")
    except client.exceptions.ResourceNotFoundException as error:
        assert error.response["Error"]["Message"].startswith("Function not found: "), error.response
    try:
        client.create_function(FunctionName="boto", Runtime=runtime, Role="nonsense", Handler="h.h", Code={"ZipFile": code})
        raise AssertionError("the role is none")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationException", error.response
    client.delete_alias(FunctionName="boto", Name="live")
    client.delete_function(FunctionName="boto")
    print("boto3: all as expected")


main(*sys.argv[1:])
