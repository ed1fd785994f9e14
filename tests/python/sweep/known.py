"""What is there on the server while the sweep calls its operations."""

import json
import time

from values import package
from wire import Dropped

FUNCTION = "sweep"
ACCOUNT = "000000000000"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{FUNCTION}"
# Streams are the upstream's: without one, nobody asks whether one is there.
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/sweep"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sweep"
PROFILE = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/sweep/abcdefgh12"
MANAGED = {
    "LambdaManagedInstancesCapacityProviderConfig": {
        "CapacityProviderArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:capacity-provider:capacity"
    }
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "sid", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "lambda:InvokeFunction", "Resource": ARN}
    ],
}

# A parameter that an answer before gave.
REMEMBERED = object()

# In this order; each may fail where its operation is missing or what it makes is there already.
# Operation, parameters, and what is remembered of its answer: member of the answer -> name of a member.
RESOURCES = (
    ("CreateCapacityProvider", {
        "CapacityProviderName": "capacity",
        "VpcConfig": {"SubnetIds": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]},
        "PermissionsConfig": {"CapacityProviderOperatorRoleArn": ROLE},
    }, {}),
    ("CreateFunction", {
        "FunctionName": FUNCTION, "Runtime": "python3.11", "Role": ROLE, "Handler": "handler.handler",
        "Code": {"ZipFile": package()},
    }, {}),
    ("PublishVersion", {"FunctionName": FUNCTION}, {"Version": "FunctionVersion"}),
    ("CreateAlias", {"FunctionName": FUNCTION, "Name": "live", "FunctionVersion": REMEMBERED}, {}),
    ("CreateAlias", {"FunctionName": FUNCTION, "Name": "spare", "FunctionVersion": REMEMBERED}, {}),
    ("PublishLayerVersion", {"LayerName": "layer", "Content": {"ZipFile": package()}}, {
        "LayerVersionArn": "Arn", "Version": "VersionNumber",
    }),
    ("AddLayerVersionPermission", {
        "LayerName": "layer", "VersionNumber": REMEMBERED, "StatementId": "sid", "Action": "lambda:GetLayerVersion",
        "Principal": "*",
    }, {}),
    ("AddPermission", {
        "FunctionName": FUNCTION, "StatementId": "sid", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
    }, {}),
    ("AddPermission", {
        "FunctionName": FUNCTION, "StatementId": "sid", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "Qualifier": "live",
    }, {}),
    ("CreateFunctionUrlConfig", {"FunctionName": FUNCTION, "AuthType": "NONE"}, {}),
    ("CreateFunctionUrlConfig", {"FunctionName": FUNCTION, "AuthType": "NONE", "Qualifier": "live"}, {}),
    ("PutFunctionEventInvokeConfig", {"FunctionName": FUNCTION, "MaximumRetryAttempts": 1}, {}),
    ("PutFunctionEventInvokeConfig", {"FunctionName": FUNCTION, "MaximumRetryAttempts": 1, "Qualifier": "live"}, {}),
    ("PutFunctionConcurrency", {"FunctionName": FUNCTION, "ReservedConcurrentExecutions": 9}, {}),
    ("PutProvisionedConcurrencyConfig", {"FunctionName": FUNCTION, "Qualifier": "live", "ProvisionedConcurrentExecutions": 1}, {}),
    ("CreateCodeSigningConfig", {"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}}, {
        "CodeSigningConfig.CodeSigningConfigArn": "CodeSigningConfigArn",
    }),
    ("CreateEventSourceMapping", {"FunctionName": FUNCTION, "EventSourceArn": STREAM, "StartingPosition": "LATEST"}, {"UUID": "UUID"}),
    ("PutResourcePolicy", {"ResourceArn": ARN, "Policy": json.dumps(POLICY)}, {}),
    ("CreateFunction", {
        "FunctionName": "managed", "Runtime": "python3.13", "Role": ROLE, "Handler": "handler.handler", "MemorySize": 2048,
        "Code": {"ZipFile": package()}, "CapacityProviderConfig": MANAGED, "Publish": True,
        "PublishTo": "LATEST_PUBLISHED",
    }, {}),
)

# What would be made once more at every call: how it is found.
FOUND_BY = {
    "CreateCodeSigningConfig": ("GetCodeSigningConfig", "CodeSigningConfigArn"),
    "CreateEventSourceMapping": ("GetEventSourceMapping", "UUID"),
    "PublishLayerVersion": ("GetLayerVersionByArn", "Arn"),
}

# What names the things above, by the name of a member of a request.
NAMES = {
    "FunctionName": FUNCTION,
    "Qualifier": "live",
    "Name": "live",
    "LayerName": "layer",
    "StatementId": "sid",
    "CapacityProviderName": "capacity",
    "Resource": ARN,
    "ResourceArn": ARN,
    "EventSourceArn": STREAM,
    "Policy": json.dumps(POLICY),
}

# Texts that mean something beyond their pattern.
MEANINGS = {
    "Role": ROLE,
    "Runtime": "python3.11",
    "Handler": "handler.handler",
    "ZipFile": package(),
    "SigningProfileVersionArns": [PROFILE],
    "SubnetIds": ["subnet-12345678"],
    "SecurityGroupIds": ["sg-12345678"],
}

# Where a name means another thing than elsewhere.
NAMES_OF = {
    "AddLayerVersionPermission": {"Action": "lambda:GetLayerVersion", "Principal": "*"},
    "AddPermission": {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
    "CreateFunctionUrlConfig": {"Qualifier": "spare"},
    "GetFunctionScalingConfig": {"FunctionName": "managed", "Qualifier": "$LATEST.PUBLISHED"},
    "PutFunctionScalingConfig": {"FunctionName": "managed", "Qualifier": "$LATEST.PUBLISHED"},
}

# What is made anew for an operation, as others may use the one that is there.
FRESH = {"DeleteCodeSigningConfig": "CreateCodeSigningConfig"}

# What a call makes, by the member that names it: each such call gets a new name.
MADE = {
    "AddLayerVersionPermission": ("StatementId", "sid-"),
    "AddPermission": ("StatementId", "sid-"),
    "CreateAlias": ("Name", "alias-"),
    "CreateCapacityProvider": ("CapacityProviderName", "capacity-"),
    "CreateEventSourceMapping": ("EventSourceArn", f"{STREAM}-"),
    "CreateFunction": ("FunctionName", "function-"),
    "PublishLayerVersion": ("LayerName", "layer-"),
}

# What an operation needs beyond the members that the model requires: without it, nothing succeeds.
NEEDED = {
    "CreateEventSourceMapping": {"EventSourceArn": STREAM, "StartingPosition": "LATEST"},
    "CreateFunction": {"Runtime": "python3.11", "Handler": "handler.handler", "Code": {"ZipFile": package()}},
    "PublishLayerVersion": {"Content": {"ZipFile": package()}},
    "UpdateFunctionCode": {"ZipFile": package()},
}


class Known:
    """Makes the resources, again where calls removed them, and knows their names."""

    def __init__(self, server, service):
        self.server, self.service = server, service
        self.remembered = {}

    def names(self, operation):
        names = {**NAMES, **self.remembered, **NAMES_OF.get(operation, {})}
        if operation in FRESH:
            creation = FRESH[operation]
            params, remembers = next((params, remembers) for name, params, remembers in RESOURCES if name == creation)
            names |= self.create(creation, params, remembers)
        return names

    def make(self):
        for name, params, remembers in RESOURCES:
            if name in FOUND_BY and self.is_there(*FOUND_BY[name]):
                continue
            params = {name: self.remembered.get(name) if value is REMEMBERED else value for name, value in params.items()}
            if None in params.values():
                continue
            self.remembered |= self.create(name, params, remembers)

    def create(self, name, params, remembers):
        """Makes one, and says what is to be remembered of it."""
        answer = self.call(name, params)
        for _ in range(100):
            # What it needs is being made.
            if answer is None or answer.status != 409 or b"at this time" not in answer.body:
                break
            time.sleep(0.02)
            answer = self.call(name, params)
        if answer is None or answer.status >= 300:
            return {}
        if params.get("FunctionName") == FUNCTION and name == "CreateFunction":
            self.wait()
        found = {member: dig(answer.json(), path) for path, member in remembers.items()}
        return {member: value for member, value in found.items() if value}

    def is_there(self, operation, member):
        value = self.remembered.get(member)
        answer = self.call(operation, {member: value}) if value else None
        return answer is not None and answer.status < 300

    def wait(self):
        """Until no change of the function is going on."""
        for _ in range(200):
            answer = self.call("GetFunctionConfiguration", {"FunctionName": FUNCTION})
            found = answer.json() if answer else {}
            if "Pending" not in found.values() and "InProgress" not in found.values():
                return
            time.sleep(0.02)

    def call(self, operation, params):
        try:
            return self.server.send(self.server.request(self.service.operation_model(operation), params))
        except Dropped:
            return None


def dig(value, path):
    for part in path.split("."):
        value = value.get(part, {})
    return value
