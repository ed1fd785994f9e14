"""What signed callers do with a function's URL that asks who calls (AWS_IAM): usage use_urls.py ENDPOINT.

Requests are signed by botocore, with keys of the account, of a user, of a role's session, and of nobody."""

import datetime
import json
import sys
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.config import Config

ENDPOINT = sys.argv[1]
REGION = "us-east-1"
ACCOUNT = "000000000000"
NAME = "signed"
TEST = Credentials("test", "test")


def client(service, key="test", secret="test", token=None):
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, config=Config(retries={"total_max_attempts": 1}))


def ask(url, credentials=None, method="GET", body=b"", service="lambda", region=REGION, change=None, presign=False):
    request = AWSRequest(method=method, url=url, data=body, headers={"content-type": "text/plain"})
    if credentials:
        signer = SigV4QueryAuth(credentials, service, region, expires=60) if presign else SigV4Auth(credentials, service, region)
        signer.add_auth(request)
    prepared = request.prepare()
    sent = urllib.request.Request(prepared.url, data=body or None, headers=dict(prepared.headers), method=method)
    if change:
        change(sent)
    try:
        with urllib.request.urlopen(sent) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-amzn-ErrorType"], json.loads(error.read())["Message"]


def identity(answer):
    assert answer[0] == 200, answer
    status, event = answer

    return event["requestContext"]["authorizer"]["iam"]


def forbidden(answer):
    assert answer[0] == 403 and answer[1] == "AccessDeniedException" and answer[2].startswith("Forbidden. "), answer


def invalid(answer, text):
    assert answer[:2] == (403, "InvalidSignatureException") and text in answer[2], answer


lambda_ = client("lambda")
found = next(url for url in json.load(urllib.request.urlopen(f"{ENDPOINT}/_larder/urls"))["urls"] if f":{NAME}" in url["arn"])
URL = found["path_url"]

# The account's own keys.
forbidden(ask(URL))
mine = identity(ask(URL, TEST))
assert mine == {"accessKey": "test", "accountId": ACCOUNT, "callerId": ACCOUNT, "cognitoIdentity": None, "principalOrgId": None, "userArn": f"arn:aws:iam::{ACCOUNT}:root", "userId": ACCOUNT}, mine
identity(ask(URL + "a%20b/./c//d?z=1&a=%2F&a=+", TEST))
identity(ask(URL + "path", TEST, method="POST", body=b"a body"))
identity(ask(URL, TEST, presign=True))

# What was changed on the way, or is for something else.
mismatch = "The request signature we calculated does not match"
invalid(ask(URL, Credentials("test", "wrong")), mismatch)
invalid(ask(URL, TEST, method="POST", body=b"a", change=lambda sent: setattr(sent, "data", b"b")), mismatch)
invalid(ask(URL, TEST, change=lambda sent: setattr(sent, "full_url", sent.full_url + "?x=1")), mismatch)
invalid(ask(URL, TEST, presign=True, change=lambda sent: setattr(sent, "full_url", sent.full_url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))), mismatch)
invalid(ask(URL, TEST, service="s3"), "correct service")
invalid(ask(URL, TEST, region="eu-west-1"), "valid region")
old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=6)).strftime("%Y%m%dT%H%M%SZ")
invalid(ask(URL, TEST, change=lambda sent: sent.add_header("X-Amz-Date", old)), "Signature expired" if old[:8] == datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d") else "Signature")

# A user, whose key may be taken back.
iam = client("iam")
iam.create_user(UserName="caller")
key = iam.create_access_key(UserName="caller")["AccessKey"]
user = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
forbidden(ask(URL, user))
document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], "Resource": f"arn:aws:lambda:*:{ACCOUNT}:function:{NAME}", "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}}}
iam.put_user_policy(UserName="caller", PolicyName="call", PolicyDocument=json.dumps(document))
assert identity(ask(URL, user))["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/caller"
iam.put_user_policy(UserName="caller", PolicyName="never", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "lambda:*", "Resource": "*"}}))
forbidden(ask(URL, user))
iam.delete_user_policy(UserName="caller", PolicyName="never")
invalid(ask(URL, Credentials(key["AccessKeyId"], "test")), mismatch)
iam.update_access_key(UserName="caller", AccessKeyId=key["AccessKeyId"], Status="Inactive")
assert ask(URL, user)[:2] == (403, "UnrecognizedClientException")

# A role's session, of this account and of another's, who needs the function's policy.
def session(account):
    assumed = client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/caller", RoleSessionName="trial")["Credentials"]
    return Credentials(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])


assert identity(ask(URL, session(ACCOUNT)))["userArn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/trial"
other = session("111111111111")
forbidden(ask(URL, other))
lambda_.add_permission(FunctionName=NAME, StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="111111111111", FunctionUrlAuthType="AWS_IAM")
forbidden(ask(URL, other))
lambda_.add_permission(FunctionName=NAME, StatementId="invoke", Action="lambda:InvokeFunction", Principal="111111111111", InvokedViaFunctionUrl=True)
assert identity(ask(URL, other))["accountId"] == "111111111111"
lambda_.remove_permission(FunctionName=NAME, StatementId="invoke")
forbidden(ask(URL, other))
stolen = session(ACCOUNT)
invalid(ask(URL, Credentials(stolen.access_key, stolen.secret_key, other.token)), mismatch)
