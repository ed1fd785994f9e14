"""Other services through Larder, and code from their S3: usage use_upstream.py URL."""

import hashlib
import io
import sys
import urllib.parse
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"


def package(text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        # Of a fixed time: the same text is the same package.
        archive.writestr(zipfile.ZipInfo("handler.py"), f"def handler(event, context):\n    return {text!r}\n")
    return content.getvalue()


def refused(message, call, **request):
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidParameterValueException", error.response
        assert error.response["Error"]["Message"] == message, error.response
        assert error.response["Type"] == "User", error.response
        return
    raise AssertionError(f"{request} is not refused")


def main(url):
    def client(service):
        return boto3.client(
            service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}),
        )

    s3, sqs, functions = client("s3"), client("sqs"), client("lambda")
    s3.create_bucket(Bucket="bucket")
    large = bytes(range(256)) * 40_000
    s3.put_object(Bucket="bucket", Key="a b/ü+.bin", Body=large)
    assert s3.head_object(Bucket="bucket", Key="a b/ü+.bin")["ContentLength"] == len(large)
    found = s3.get_object(Bucket="bucket", Key="a b/ü+.bin")["Body"].read()
    assert hashlib.sha256(found).digest() == hashlib.sha256(large).digest()
    presigned = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a b/ü+.bin"})
    assert presigned.startswith(url), presigned
    with urllib.request.urlopen(presigned) as answer:
        assert answer.read() == large
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    # An endpoint that is spoken to with TLS says so.
    assert urllib.parse.urlsplit(queue).netloc == urllib.parse.urlsplit(url).netloc, queue
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"
    # IAM is all here: what it has not is not half of it somewhere else.
    iam = client("iam")
    assert iam.create_user(UserName="somebody")["User"]["UserName"] == "somebody"
    assert iam.get_user(UserName="somebody")["User"]["Arn"] == "arn:aws:iam::000000000000:user/somebody"
    try:
        iam.list_server_certificates()
        raise AssertionError("certificates of the upstream")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidAction", error.response

    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="bucket", Key="code/f.zip", Body=package("one"))["VersionId"]
    s3.put_object(Bucket="bucket", Key="code/f.zip", Body=package("two"))
    s3.put_object(Bucket="bucket", Key="code/broken.zip", Body=b"no zip")
    common = {"Runtime": "python3.11", "Handler": "handler.handler", "Role": ROLE}
    made = functions.create_function(FunctionName="f", Code={"S3Bucket": "bucket", "S3Key": "code/f.zip"}, **common)
    assert made["CodeSize"] == len(package("two")), made
    functions.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    functions.update_function_code(FunctionName="f", S3Bucket="bucket", S3Key="code/f.zip", S3ObjectVersion=first)
    functions.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    with urllib.request.urlopen(functions.get_function(FunctionName="f")["Code"]["Location"]) as answer:
        assert answer.read() == package("one")

    get = "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}"
    no_bucket = get.format("NoSuchBucket", "The specified bucket does not exist")
    no_key = get.format("NoSuchKey", "The specified key does not exist.")
    no_zip = "Could not unzip uploaded file. Please check your file, then try to upload again."
    for bucket, key, message in [("none", "k", no_bucket), ("bucket", "k", no_key), ("bucket", "code/broken.zip", no_zip)]:
        code = {"S3Bucket": bucket, "S3Key": key}
        refused(message, functions.create_function, FunctionName="g", Code=code, **common)
        refused(message, functions.update_function_code, FunctionName="f", **code)
    try:
        functions.update_function_code(FunctionName="f", S3Bucket="bucket", S3Key="code/f.zip", S3ObjectVersion="none")
        raise AssertionError("no such version")
    except ClientError as error:
        assert "Error occurred while GetObject. S3 Error Code: " in error.response["Error"]["Message"], error.response
    refused("Please provide a source for function code.", functions.create_function, FunctionName="g", Code={"S3Bucket": "bucket"}, **common)
    functions.delete_function(FunctionName="f")
    print("upstream: all as expected")


main(*sys.argv[1:])
