"""An upstream that is away, as SDKs meet it: usage use_away_upstream.py URL. No call is tried twice."""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CALLS = [
    ("s3", "get_object", {"Bucket": "bucket", "Key": "key"}),
    ("dynamodb", "list_tables", {}),
    ("ec2", "describe_vpcs", {}),
    ("sns", "list_topics", {}),
    ("scheduler", "list_schedules", {}),
    ("cloudformation", "list_stacks", {}),
    ("logs", "describe_queries", {}),
]


def main(url):
    for mode in ("legacy", "standard", "adaptive"):
        config = Config(retries={"mode": mode, "total_max_attempts": 25}, s3={"addressing_style": "path"})
        for service, operation, request in CALLS:
            client = boto3.client(
                service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
                aws_secret_access_key="test", config=config,
            )
            sent = []
            client.meta.events.register("before-send", lambda sent=sent, **_: sent.append(1))
            try:
                getattr(client, operation)(**request)
                raise AssertionError(f"{service} answered")
            except ClientError as error:
                found = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
                assert found == ("UpstreamUnavailable", 424), (service, error.response)
                assert "did not answer" in error.response["Error"]["Message"], (service, error.response)
            assert len(sent) == 1, f"{service} with retries of {mode}: tried {len(sent)} times"


main(sys.argv[1])
print("away upstream: all as expected")
