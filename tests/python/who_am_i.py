"""Prints who an access key is, or the error's code: usage who_am_i.py ENDPOINT KEY SECRET."""

import sys

import boto3
from botocore.exceptions import ClientError

endpoint, key, secret = sys.argv[1:]
sts = boto3.client("sts", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret)
try:
    print(sts.get_caller_identity()["Arn"])
except ClientError as error:
    print(error.response["Error"]["Code"])
