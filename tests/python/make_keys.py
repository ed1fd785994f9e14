"""Keys of a user of moto's who may do everything, as a file of credentials: usage make_keys.py URL FOLDER. These are the
actions that a moto that verifies signatures lets pass without: see INITIAL_NO_AUTH_ACTION_COUNT."""

import json
import pathlib
import sys

import boto3


def main(url, folder):
    iam = boto3.client(
        "iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
        verify=str(folder / "ca.pem"),
    )
    iam.create_user(UserName="upstream")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="upstream", PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="upstream")["AccessKey"]
    lines = [
        "[default]", "aws_access_key_id = AKIAWRONG", "aws_secret_access_key = wrong", "[upstream]",
        f"aws_access_key_id = {key['AccessKeyId']}", f"aws_secret_access_key = {key['SecretAccessKey']}", "",
    ]
    (folder / "credentials").write_text("\n".join(lines))


main(sys.argv[1], pathlib.Path(sys.argv[2]))
