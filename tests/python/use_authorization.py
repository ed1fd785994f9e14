"""What callers may do where all are asked (`--authorize all`): usage use_authorization.py ENDPOINT.

Keys are those of the account, of users, of sessions of roles and of users, and of nobody; policies are of all kinds."""

import base64
import io
import json
import sys
import zipfile

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
REGION = "us-east-1"
ACCOUNT = "000000000000"
OTHER = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


def client(service, keys=("test", "test", None), unsigned=False):
    config = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, signature_version=UNSIGNED if unsigned else None)
    key, secret, token = keys
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, config=config)


def keys_of(user):
    made = client("iam").create_access_key(UserName=user)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"], None


def session(credentials):
    return credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]


def refused(call, code, text, status=403, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        told = error.response
        assert told["Error"]["Code"] == code, told
        assert text in told["Error"]["Message"], told
        assert told["ResponseMetadata"]["HTTPStatusCode"] == status, told
        return told["ResponseMetadata"].get("RequestId") or told["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    raise AssertionError(f"{code} was expected: {text}")


def denied(call, who, action, resource, why, code="AccessDeniedException", status=403, **arguments):
    text = f"User: {who} is not authorized to perform: {action} on resource: {resource} {why}"
    return refused(call, code, text, status, **arguments)


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def package():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as packed:
        packed.writestr("index.py", "def handler(event, context):\n    return event\n")
    return memory.getvalue()


def creation(name, **more):
    return dict(FunctionName=name, Runtime="python3.11", Handler="index.handler", Role=ROLE, Code={"ZipFile": package()}, **more)


iam, sts, lambda_ = client("iam"), client("sts"), client("lambda")

# The account's own keys may do everything; others have to be somebody's.
lambda_.create_function(**creation("f"))
refused(client("lambda", unsigned=True).list_functions, "MissingAuthenticationTokenException", "Missing Authentication Token")
refused(client("iam", unsigned=True).list_roles, "MissingAuthenticationToken", "Request is missing Authentication Token")
refused(client("lambda", ("test", "wrong", None)).list_functions, "InvalidSignatureException", "does not match")
refused(client("sts", ("test", "wrong", None)).get_caller_identity, "SignatureDoesNotMatch", "does not match")
refused(client("lambda", ("AKIAIOSFODNN7EXAMPLE", "secret", None)).list_functions, "InvalidSignatureException", "does not match")

# A user without policies may say who it is, and no more.
iam.create_user(UserName="zoe")
zoe_arn = f"arn:aws:iam::{ACCOUNT}:user/zoe"
zoe = keys_of("zoe")
assert client("sts", zoe).get_caller_identity()["Arn"] == zoe_arn
NO_IDENTITY = "because no identity-based policy allows the {} action"
ID = denied(client("lambda", zoe).get_function, zoe_arn, "lambda:GetFunction", FUNCTION, NO_IDENTITY.format("lambda:GetFunction"), FunctionName="f")
denied(client("lambda", zoe).list_functions, zoe_arn, "lambda:ListFunctions", "*", NO_IDENTITY.format("lambda:ListFunctions"))
denied(client("lambda", zoe).invoke, zoe_arn, "lambda:InvokeFunction", FUNCTION + ":live", NO_IDENTITY.format("lambda:InvokeFunction"), FunctionName="f", Qualifier="live")
denied(client("iam", zoe).create_access_key, zoe_arn, "iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/root", NO_IDENTITY.format("iam:CreateAccessKey"), code="AccessDenied", UserName="root")
denied(client("iam", zoe).list_users, zoe_arn, "iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/", NO_IDENTITY.format("iam:ListUsers"), code="AccessDenied")
denied(client("logs", zoe).create_log_group, zoe_arn, "logs:CreateLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g:log-stream:", NO_IDENTITY.format("logs:CreateLogGroup"), status=400, logGroupName="g")
sqs = client("sqs")
queue = sqs.create_queue(QueueName="q")["QueueUrl"]
queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
denied(client("sqs", zoe).send_message_batch, zoe_arn, "sqs:sendmessage", queue_arn, NO_IDENTITY.format("sqs:sendmessage"), code="AccessDenied", QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "x"}])
assert sqs.receive_message(QueueUrl=queue).get("Messages") is None, "what is refused does nothing"

# What policies of its own, of its groups and managed ones give; a deny goes before all.
iam.put_user_policy(UserName="zoe", PolicyName="reads", PolicyDocument=document(allow(["lambda:Get*", "iam:PassRole", "lambda:CreateFunction"], "*")))
assert client("lambda", zoe).get_function(FunctionName="f")["Configuration"]["FunctionName"] == "f"
iam.create_group(GroupName="senders")
iam.add_user_to_group(GroupName="senders", UserName="zoe")
iam.put_group_policy(GroupName="senders", PolicyName="sends", PolicyDocument=document(allow("sqs:SendMessage", queue_arn)))
client("sqs", zoe).send_message(QueueUrl=queue, MessageBody="hello")
denied(client("sqs", zoe).receive_message, zoe_arn, "sqs:receivemessage", queue_arn, NO_IDENTITY.format("sqs:receivemessage"), code="AccessDenied", QueueUrl=queue)
managed = iam.create_policy(PolicyName="no-secrets", PolicyDocument=document(deny("lambda:GetFunction", FUNCTION)))["Policy"]["Arn"]
iam.attach_user_policy(UserName="zoe", PolicyArn=managed)
denied(client("lambda", zoe).get_function, zoe_arn, "lambda:GetFunction", FUNCTION, "with an explicit deny in an identity-based policy", FunctionName="f")
assert client("lambda", zoe).get_function_configuration(FunctionName="f")["FunctionName"] == "f"
iam.detach_user_policy(UserName="zoe", PolicyArn=managed)

# A boundary, and conditions.
bound = iam.create_policy(PolicyName="bound", PolicyDocument=document(allow("lambda:*"), allow("iam:*")))["Policy"]["Arn"]
iam.put_user_permissions_boundary(UserName="zoe", PermissionsBoundary=bound)
denied(client("sqs", zoe).send_message, zoe_arn, "sqs:sendmessage", queue_arn, "because no permissions boundary allows the sqs:sendmessage action", code="AccessDenied", QueueUrl=queue, MessageBody="x")
iam.delete_user_permissions_boundary(UserName="zoe")
iam.put_user_policy(UserName="zoe", PolicyName="tagged", PolicyDocument=document(deny("lambda:CreateFunction", Condition={"StringNotEquals": {"aws:RequestTag/team": "blue"}}), deny("iam:PassRole", Condition={"StringNotEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})))
denied(client("lambda", zoe).create_function, zoe_arn, "lambda:CreateFunction", FUNCTION[:-1] + "g", "with an explicit deny in an identity-based policy", **creation("g"))
client("lambda", zoe).create_function(**creation("g", Tags={"team": "blue"}))
iam.put_user_policy(UserName="zoe", PolicyName="tagged", PolicyDocument=document(deny("iam:PassRole", ROLE)))
denied(client("lambda", zoe).create_function, zoe_arn, "iam:PassRole", ROLE, "with an explicit deny in an identity-based policy", **creation("h"))
iam.delete_user_policy(UserName="zoe", PolicyName="tagged")
iam.put_user_policy(UserName="zoe", PolicyName="tags", PolicyDocument=document(allow("lambda:DeleteFunction", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})))
denied(client("lambda", zoe).delete_function, zoe_arn, "lambda:DeleteFunction", FUNCTION, NO_IDENTITY.format("lambda:DeleteFunction"), FunctionName="f")
client("lambda", zoe).delete_function(FunctionName="g")

# Sessions: of the user itself, of a role that trusts it, with policies of their own.
mine = session(client("sts", zoe).get_session_token()["Credentials"])
assert client("sts", mine).get_caller_identity()["Arn"] == zoe_arn
client("lambda", mine).get_function(FunctionName="f")
denied(client("lambda", mine).list_functions, zoe_arn, "lambda:ListFunctions", "*", NO_IDENTITY.format("lambda:ListFunctions"))
trust = document({"Effect": "Allow", "Principal": {"AWS": zoe_arn}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "xyz"}}})
reader = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=document(allow("lambda:*"), allow("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})))
NO_TRUST = "because no role trust policy allows the sts:AssumeRole action"
assume = client("sts", zoe).assume_role
denied(assume, zoe_arn, "sts:AssumeRole", reader, NO_TRUST, code="AccessDenied", RoleArn=reader, RoleSessionName="s1")
denied(assume, zoe_arn, "sts:AssumeRole", ROLE, NO_TRUST, code="AccessDenied", RoleArn=ROLE, RoleSessionName="s1")
assumed = session(assume(RoleArn=reader, RoleSessionName="s1", ExternalId="xyz")["Credentials"])
reader_session = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s1"
client("lambda", assumed).list_functions()
denied(client("sqs", assumed).list_queues, reader_session, "sqs:listqueues", f"arn:aws:sqs:{REGION}:{ACCOUNT}:", NO_IDENTITY.format("sqs:listqueues"), code="AccessDenied")
iam.update_assume_role_policy(RoleName="reader", PolicyDocument=document({"Effect": "Allow", "Principal": {"AWS": zoe_arn}, "Action": ["sts:AssumeRole", "sts:TagSession"]}))
tagged = session(assume(RoleArn=reader, RoleSessionName="s1", Tags=[{"Key": "team", "Value": "blue"}])["Credentials"])
client("sqs", tagged).list_queues()
less = session(assume(RoleArn=reader, RoleSessionName="s1", Policy=document(allow("lambda:ListFunctions")))["Credentials"])
client("lambda", less).list_functions()
denied(client("lambda", less).get_function, reader_session, "lambda:GetFunction", FUNCTION, "because no session policy allows the lambda:GetFunction action", FunctionName="f")
readonly = session(assume(RoleArn=reader, RoleSessionName="s1", PolicyArns=[{"arn": managed}])["Credentials"])
denied(client("lambda", readonly).get_function, reader_session, "lambda:GetFunction", FUNCTION, "with an explicit deny in a session policy", FunctionName="f")
key, secret, token = less
refused(client("lambda", (key, secret, assumed[2])).list_functions, "InvalidSignatureException", "does not match")
refused(client("lambda", (key, secret, None)).list_functions, "InvalidSignatureException", "does not match")

# Who brings a token has no keys: the role's trust decides.
def token(**claims):
    part = lambda what: base64.urlsafe_b64encode(json.dumps(what).encode()).decode().rstrip("=")
    return f"{part({'alg': 'none'})}.{part(claims)}.x"


web = client("sts", unsigned=True).assume_role_with_web_identity
deploys = {"Effect": "Allow", "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/ci.example"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringLike": {"ci.example:sub": "repo:me/*"}}}
deployer = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=document(deploys))["Role"]["Arn"]
arguments = dict(RoleArn=deployer, RoleSessionName="ci")
assert web(WebIdentityToken=token(iss="https://ci.example", sub="repo:me/x", aud="sts"), **arguments)["Provider"] == "https://ci.example"
for wrong in (token(iss="https://ci.example", sub="repo:you/x"), token(iss="https://other.example", sub="repo:me/x")):
    refused(web, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", WebIdentityToken=wrong, **arguments)

# Policies of resources: other accounts need both, layers and queues have theirs.
other = client("lambda", (OTHER, "test", None))
other_root = f"arn:aws:iam::{OTHER}:root"
NO_RESOURCE = "because no resource-based policy allows the lambda:InvokeFunction action"
denied(other.invoke, other_root, "lambda:InvokeFunction", FUNCTION, NO_RESOURCE, FunctionName=FUNCTION)
lambda_.add_permission(FunctionName="f", StatementId="other", Action="lambda:InvokeFunction", Principal=OTHER)
assert json.load(other.invoke(FunctionName=FUNCTION, Payload=b"1")["Payload"]) == 1
denied(other.get_function, other_root, "lambda:GetFunction", FUNCTION, "because no resource-based policy allows the lambda:GetFunction action", FunctionName=FUNCTION)
lambda_.remove_permission(FunctionName="f", StatementId="other")
denied(other.invoke, other_root, "lambda:InvokeFunction", FUNCTION, NO_RESOURCE, FunctionName=FUNCTION)
sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": document({"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue_arn, "Condition": {"StringEquals": {"aws:username": "zoe"}}})})
denied(client("sqs", zoe).send_message, zoe_arn, "sqs:sendmessage", queue_arn, "with an explicit deny in a resource-based policy", code="AccessDenied", QueueUrl=queue, MessageBody="x")
sqs.send_message(QueueUrl=queue, MessageBody="x")

# Whatever somebody without policies asks for, nothing is done.
def least(shape):
    if shape.type_name == "structure":
        names = list(shape.members)[:1] if getattr(shape, "is_tagged_union", False) else shape.required_members
        return {name: least(shape.members[name]) for name in names}
    if shape.type_name == "list":
        return [least(shape.member)]
    if shape.type_name == "map":
        return {"k": least(shape.value)}
    if shape.type_name in ("integer", "long", "float", "double"):
        return shape.metadata.get("min", 1)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "blob":
        return b"x"
    if shape.type_name == "timestamp":
        return 0
    return shape.enum[0] if getattr(shape, "enum", None) else "x" * max(shape.metadata.get("min", 1), 1)


iam.create_user(UserName="nobody")
nobody = keys_of("nobody")
asked = 0
for service in ("lambda", "iam", "sqs", "logs", "sts"):
    caller = client(service, nobody)
    model = caller.meta.service_model
    names = {model.operation_model(name).name: name for name in model.operation_names}
    for method, operation in caller.meta.method_to_api_mapping.items():
        if operation in ("GetCallerIdentity", "GetSessionToken", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"):
            continue
        shape = model.operation_model(names[operation]).input_shape
        arguments = least(shape) if shape else {}
        if service == "sqs" and "QueueUrl" in arguments:
            arguments["QueueUrl"] = queue
        try:
            getattr(caller, method)(**arguments)
        except ClientError as error:
            asked += error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
            continue
        raise AssertionError(f"{service}: {operation} was done for nobody")
assert asked > 150, asked

# Keys that count no more.
iam.update_access_key(UserName="zoe", AccessKeyId=zoe[0], Status="Inactive")
refused(client("lambda", zoe).get_function, "UnrecognizedClientException", "The security token included in the request is invalid.", FunctionName="f")
iam.delete_access_key(UserName="zoe", AccessKeyId=zoe[0])
refused(client("iam", zoe).list_users, "InvalidClientTokenId", "The security token included in the request is invalid.")

print(ID)
