"""What callers may send on to an upstream where all are asked (`--authorize all`), which lends them its keys: usage
use_passing.py ENDPOINT. Only what is signed as it must be gets them."""

import sys
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]


def client(service, secret, version=None):
    config = Config(retries={"total_max_attempts": 1}, signature_version=version, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key=secret, config=config)


def refused(call, *codes, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] in codes, error.response
    else:
        raise AssertionError(f"{codes} was expected")


s3 = client("s3", "test")
s3.create_bucket(Bucket="bucket")
s3.put_object(Bucket="bucket", Key="a key/ü", Body=b"content" * 100_000)
assert s3.get_object(Bucket="bucket", Key="a key/ü")["Body"].read() == b"content" * 100_000
url = client("s3", "test", "s3v4").generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a key/ü"})
assert urllib.request.urlopen(url).read() == b"content" * 100_000
client("sns", "test").create_topic(Name="t")
client("dynamodb", "test").list_tables()

refused(client("s3", "wrong").get_object, "SignatureDoesNotMatch", Bucket="bucket", Key="a key/ü")
refused(client("s3", "test", "s3").get_object, "IncompleteSignature", Bucket="bucket", Key="a key/ü")
refused(client("sns", "wrong").create_topic, "SignatureDoesNotMatch", Name="t")
refused(client("dynamodb", "wrong").list_tables, "InvalidSignatureException")
# Nobody's: it goes on without keys, and a moto that wants them breaks over it.
refused(client("s3", "test", UNSIGNED).list_objects_v2, "AccessDenied", "500", Bucket="bucket")
print("all of it")
