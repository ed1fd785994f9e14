"""Makes a role that functions may run with: usage make_role.py ENDPOINT NAME POLICY. Calls are signed by the account."""

import json
import sys

import boto3

endpoint, name, policy = sys.argv[1:]
iam = boto3.client("iam", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}))
iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
