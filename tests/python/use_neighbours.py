"""STS and IAM by boto3, as Terraform and SAM use them: usage use_neighbours.py URL make|check|remove."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
SEND = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/app/own"
FENCE = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'


def client(url, service, credentials=(ACCOUNT, "x", None)):
    key, secret, token = credentials
    return boto3.client(
        service, endpoint_url=url, region_name="eu-west-1", aws_access_key_id=key, aws_secret_access_key=secret,
        aws_session_token=token,
    )


def refused(code, status, text, call, **request):
    try:
        call(**request)
    except ClientError as error:
        found = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert found == (code, status), error.response
        assert text in error.response["Error"]["Message"], error.response
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return
    raise AssertionError(f"{request} is not refused")


def identities(url):
    sts = client(url, "sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    # A role that nobody made may be assumed, in whichever account.
    other = "arn:aws:iam::999999999999:role/deep/down/deployer"
    assumed = sts.assume_role(RoleArn=other, RoleSessionName="ci")
    key = assumed["Credentials"]["AccessKeyId"]
    credentials = (key, assumed["Credentials"]["SecretAccessKey"], assumed["Credentials"]["SessionToken"])
    me = client(url, "sts", credentials).get_caller_identity()
    assert me["Account"] == "999999999999", me
    assert me["Arn"] == "arn:aws:sts::999999999999:assumed-role/deployer/ci" == assumed["AssumedRoleUser"]["Arn"], me
    assert me["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"], me
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == "999999999999"
    # Lambda and IAM put these credentials into the same account.
    assert client(url, "lambda", credentials).list_functions()["Functions"] == []
    assert client(url, "iam", credentials).list_roles()["Roles"] == []
    # A transitive tag goes on from session to session, and cannot be set anew.
    def tagged(credentials, **request):
        made = client(url, "sts", credentials).assume_role(RoleArn=other, RoleSessionName="ci", **request)["Credentials"]
        return made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]

    tags = [{"Key": "Team", "Value": "red"}]
    first = tagged((ACCOUNT, "x", None), Tags=tags, TransitiveTagKeys=["Team"])
    second = tagged(first, Tags=[{"Key": "other", "Value": "x"}])
    for session in (first, second):
        refused("InvalidParameterValue", 400, "conflicts with a transitive tag key from the calling session.", tagged, credentials=session, Tags=tags)
    tagged(second, Tags=[{"Key": "other", "Value": "y"}])
    token = sts.get_session_token()["Credentials"]
    again = client(url, "sts", (token["AccessKeyId"], token["SecretAccessKey"], token["SessionToken"]))
    assert again.get_caller_identity()["Account"] == ACCOUNT
    refused("ValidationError", 400, "nothing-valid-in-here is invalid", sts.assume_role, RoleArn="nothing-valid-in-here", RoleSessionName="ci")
    refused(
        "ValidationError", 400,
        "Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        sts.assume_role, RoleArn=other, RoleSessionName="Session1:2",
    )


def make(url):
    identities(url)
    iam = client(url, "iam")
    made = iam.create_policy(PolicyName="own", Path="/app/", PolicyDocument=json.dumps(SEND), Description="to send")["Policy"]
    assert (made["Arn"], made["DefaultVersionId"], made["AttachmentCount"]) == (OWN, "v1", 0), made
    made = iam.create_role(
        RoleName="Worker", Path="/app/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="works",
        PermissionsBoundary=OWN, Tags=[{"Key": "team", "Value": "red"}],
    )["Role"]
    assert made["AssumeRolePolicyDocument"] == TRUST and made["RoleId"].startswith("AROA"), made
    assert "MaxSessionDuration" not in made and "Description" not in made, made
    iam.put_role_policy(RoleName="Worker", PolicyName="inline", PolicyDocument=json.dumps(SEND))
    for arn in (BASIC, OWN):
        iam.attach_role_policy(RoleName="Worker", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=OWN, PolicyDocument=json.dumps(SEND), SetAsDefault=True)
    iam.create_instance_profile(InstanceProfileName="profile")
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="Worker")
    iam.update_role(RoleName="Worker", Description="works well", MaxSessionDuration=7200)
    iam.tag_role(RoleName="Worker", Tags=[{"Key": "Team", "Value": "blue"}, {"Key": "empty", "Value": ""}])
    linked = iam.create_service_linked_role(AWSServiceName="replicator.lambda.amazonaws.com")["Role"]
    assert linked["Arn"].endswith(":role/aws-service-role/replicator.lambda.amazonaws.com/AWSServiceRoleForLambdaReplicator")
    attached = iam.list_attached_role_policies(RoleName=linked["RoleName"])["AttachedPolicies"]
    assert [p["PolicyArn"] for p in attached] == ["arn:aws:iam::aws:policy/aws-service-role/AWSLambdaReplicator"], attached
    refusals(iam)
    people(iam)
    check(url)


def refusals(iam):
    refused("NoSuchEntity", 404, "The role with name none cannot be found.", iam.get_role, RoleName="none")
    trust = json.dumps(TRUST)
    refused("EntityAlreadyExists", 409, "Role with name worker already exists.", iam.create_role, RoleName="worker", AssumeRolePolicyDocument=trust)
    refused("MalformedPolicyDocument", 400, "invalid Json", iam.create_role, RoleName="x", AssumeRolePolicyDocument="{")
    refused("ValidationError", 400, "Value at 'roleName' failed", iam.create_role, RoleName="x" * 65, AssumeRolePolicyDocument=trust)
    refused("ValidationError", 400, "only alphanumeric", iam.create_role, RoleName="a/b", AssumeRolePolicyDocument=trust)
    refused("MalformedPolicyDocument", 400, "Syntax errors", iam.put_role_policy, RoleName="Worker", PolicyName="x", PolicyDocument="{}")
    refused("DeleteConflict", 409, "remove roles from instance profile", iam.delete_role, RoleName="Worker")
    refused("DeleteConflict", 409, "attached to entities", iam.delete_policy, PolicyArn=OWN)
    refused("UnmodifiableEntity", 400, "only modifiable by AWS", iam.delete_role, RoleName="AWSServiceRoleForLambdaReplicator")
    refused("NoSuchEntity", 404, "is not attachable", iam.attach_role_policy, RoleName="Worker", PolicyArn=OWN + "x")
    refused("ValidationError", 400, "is not valid", iam.attach_role_policy, RoleName="Worker", PolicyArn="arn:aws:sqs:::something")
    name = "replicator.lambda.amazonaws.com"
    refused("InvalidInput", 400, f"Custom suffix is not allowed for {name}", iam.create_service_linked_role, AWSServiceName=name, CustomSuffix="x")
    refused("InvalidInput", 400, "has been taken in this account", iam.create_service_linked_role, AWSServiceName=name)
    text = "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles"
    refused("InvalidInput", 400, text, iam.create_role, RoleName="x", Path="/aws-service-role/x/", AssumeRolePolicyDocument=trust)
    refused("NoSuchEntity", 404, "cannot be found", iam.delete_service_linked_role, RoleName="Worker")
    refused("InvalidInput", 400, "Duplicate tag keys", iam.tag_role, RoleName="Worker", Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}])
    refused("AccessDenied", 403, "managed by AWS", iam.delete_policy, PolicyArn=BASIC)
    refused("NoSuchEntity", 404, "user with name", iam.get_user, UserName="nobody")
    refused("InvalidAction", 400, "--upstream iam=URL", iam.list_server_certificates)
    refused(
        "InvalidInput", 400, "Invalid ARN:  Could not be parsed!", iam.attach_role_policy, RoleName="Worker",
        PolicyArn="a-long-name-that-is-no-arn",
    )


def people(iam):
    made = iam.create_user(UserName="Ada", Path="/dev/", Tags=[{"Key": "team", "Value": "red"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/dev/Ada" and made["UserId"].startswith("AIDA"), made
    group = iam.create_group(GroupName="Writers", Path="/dev/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/dev/Writers" and group["GroupId"].startswith("AGPA"), group
    iam.add_user_to_group(GroupName="Writers", UserName="Ada")
    iam.put_user_policy(UserName="Ada", PolicyName="inline", PolicyDocument=json.dumps(SEND))
    iam.put_group_policy(GroupName="Writers", PolicyName="inline", PolicyDocument=json.dumps(SEND))
    iam.attach_user_policy(UserName="Ada", PolicyArn=OWN)
    iam.attach_group_policy(GroupName="Writers", PolicyArn=OWN)
    iam.put_user_permissions_boundary(UserName="Ada", PermissionsBoundary=OWN)
    iam.create_user(UserName="Bob")
    iam.update_user(UserName="Bob", NewUserName="Bert", NewPath="/ops/")
    iam.add_user_to_group(GroupName="Writers", UserName="Bert")
    refused("EntityAlreadyExists", 409, "User with name ADA already exists.", iam.create_user, UserName="ADA")
    refused("EntityAlreadyExists", 409, "User with name Ada already exists.", iam.update_user, UserName="Bert", NewUserName="Ada")
    refused("EntityAlreadyExists", 409, "Group with name writers already exists.", iam.create_group, GroupName="writers")
    refused("NoSuchEntity", 404, "The user with name Bob cannot be found.", iam.get_user, UserName="Bob")
    refused("NoSuchEntity", 404, "The group with name none cannot be found.", iam.add_user_to_group, GroupName="none", UserName="Ada")
    refused("NoSuchEntity", 404, "The user policy with name x cannot be found.", iam.get_user_policy, UserName="Ada", PolicyName="x")
    refused("NoSuchEntity", 404, "The group policy with name x cannot be found.", iam.delete_group_policy, GroupName="Writers", PolicyName="x")
    refused("ValidationError", 400, "only alphanumeric", iam.create_user, UserName="a/b")
    refused("LimitExceeded", 409, "exceeded for user Ada", iam.put_user_policy, UserName="Ada", PolicyName="big",
            PolicyDocument=json.dumps({**SEND, "Statement": {**SEND["Statement"], "Sid": "x" * 2048}}))
    refused("MalformedPolicyDocument", 400, "Syntax errors", iam.put_user_policy, UserName="Ada", PolicyName="x", PolicyDocument="{}")
    key = iam.create_access_key(UserName="Ada")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20, key
    assert len(key["SecretAccessKey"]) == 40 and key["Status"] == "Active", key
    other = iam.create_access_key(UserName="Ada")["AccessKey"]["AccessKeyId"]
    refused("LimitExceeded", 409, "AccessKeysPerUser: 2", iam.create_access_key, UserName="Ada")
    iam.update_access_key(UserName="Ada", AccessKeyId=other, Status="Inactive")


def check_people(url):
    iam = client(url, "iam")
    user = iam.get_user(UserName="ada")["User"]
    assert (user["UserName"], user["Path"], user["Tags"]) == ("Ada", "/dev/", [{"Key": "team", "Value": "red"}]), user
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == OWN, user
    assert iam.list_user_tags(UserName="Ada")["Tags"] == user["Tags"]
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 1})
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [["Ada"], ["Bert"]]
    assert [user["UserName"] for user in iam.list_users(PathPrefix="/ops/")["Users"]] == ["Bert"]
    assert iam.list_user_policies(UserName="Ada")["PolicyNames"] == ["inline"]
    assert iam.get_user_policy(UserName="Ada", PolicyName="inline")["PolicyDocument"] == SEND
    found = iam.get_group_policy(GroupName="Writers", PolicyName="inline")
    assert (found["GroupName"], found["PolicyDocument"]) == ("Writers", SEND), found
    for attached in (iam.list_attached_user_policies(UserName="Ada"), iam.list_attached_group_policies(GroupName="Writers")):
        assert [policy["PolicyArn"] for policy in attached["AttachedPolicies"]] == [OWN], attached
    group = iam.get_group(GroupName="Writers")
    assert (group["Group"]["GroupName"], [user["UserName"] for user in group["Users"]]) == ("Writers", ["Ada", "Bert"]), group
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName="Bert")["Groups"]] == ["Writers"]
    entities = iam.list_entities_for_policy(PolicyArn=OWN)
    assert [user["UserName"] for user in entities["PolicyUsers"]] == ["Ada"], entities
    assert [group["GroupName"] for group in entities["PolicyGroups"]] == ["Writers"], entities
    keys = iam.list_access_keys(UserName="Ada")["AccessKeyMetadata"]
    assert sorted(key["Status"] for key in keys) == ["Active", "Inactive"], keys
    key = keys[0]["AccessKeyId"]
    last = iam.get_access_key_last_used(AccessKeyId=key)
    assert (last["UserName"], last["AccessKeyLastUsed"]["ServiceName"]) == ("Ada", "N/A"), last
    # Who signs with the key is the user, in the user's account.
    me = client(url, "sts", (key, "x", None)).get_caller_identity()
    assert (me["Arn"], me["UserId"], me["Account"]) == (user["Arn"], user["UserId"], ACCOUNT), me
    own = client(url, "iam", (key, "x", None))
    assert own.get_user()["User"]["UserName"] == "Ada"
    assert len(own.list_access_keys()["AccessKeyMetadata"]) == 2
    assert client(url, "sts").get_access_key_info(AccessKeyId=key)["Account"] == ACCOUNT
    assert iam.list_mfa_devices(UserName="Ada")["MFADevices"] == []
    refused("NoSuchEntity", 404, "Login Profile for User Ada", iam.get_login_profile, UserName="Ada")
    assumed = client(url, "sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/x", RoleSessionName="ci")["Credentials"]
    session = client(url, "iam", (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]))
    refused("ValidationError", 400, "Must specify userName when calling with non-User credentials", session.get_user)


def remove_people(iam):
    refused("DeleteConflict", 409, "must remove users from group first", iam.delete_group, GroupName="Writers")
    refused("DeleteConflict", 409, "must remove users from group first", iam.delete_user, UserName="Ada")
    for name in ("Ada", "Bert"):
        iam.remove_user_from_group(GroupName="Writers", UserName=name)
    refused("DeleteConflict", 409, "must detach all policies first", iam.delete_user, UserName="Ada")
    refused("DeleteConflict", 409, "must detach all policies first", iam.delete_group, GroupName="Writers")
    iam.detach_user_policy(UserName="Ada", PolicyArn=OWN)
    iam.detach_group_policy(GroupName="Writers", PolicyArn=OWN)
    refused("DeleteConflict", 409, "must delete policies first", iam.delete_user, UserName="Ada")
    iam.delete_user_policy(UserName="Ada", PolicyName="inline")
    iam.delete_group_policy(GroupName="Writers", PolicyName="inline")
    refused("DeleteConflict", 409, "must delete access keys first", iam.delete_user, UserName="Ada")
    for key in iam.list_access_keys(UserName="Ada")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="Ada", AccessKeyId=key["AccessKeyId"])
        refused("NoSuchEntity", 404, "cannot be found", iam.get_access_key_last_used, AccessKeyId=key["AccessKeyId"])
    iam.untag_user(UserName="Ada", TagKeys=["TEAM"])
    for name in ("Ada", "Bert"):
        iam.delete_user(UserName=name)
    iam.delete_group(GroupName="Writers")
    assert iam.list_users()["Users"] == [] and iam.list_groups()["Groups"] == []


def check(url):
    check_people(url)
    iam = client(url, "iam")
    role = iam.get_role(RoleName="Worker")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/app/Worker", role
    assert (role["Description"], role["MaxSessionDuration"], role["RoleLastUsed"]) == ("works well", 7200, {}), role
    assert role["Tags"] == [{"Key": "Team", "Value": "blue"}, {"Key": "empty", "Value": ""}], role
    assert role["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": OWN}, role
    assert iam.list_role_tags(RoleName="Worker")["Tags"] == role["Tags"]
    assert iam.list_role_policies(RoleName="Worker")["PolicyNames"] == ["inline"]
    assert iam.get_role_policy(RoleName="Worker", PolicyName="inline")["PolicyDocument"] == SEND
    attached = iam.list_attached_role_policies(RoleName="Worker")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [OWN, BASIC], attached
    policy = iam.get_policy(PolicyArn=OWN)["Policy"]
    counts = (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"], policy["DefaultVersionId"])
    assert counts == (3, 2, "v2") and policy["Description"] == "to send", policy
    assert iam.get_policy_version(PolicyArn=OWN, VersionId="v2")["PolicyVersion"]["Document"] == SEND
    versions = iam.list_policy_versions(PolicyArn=OWN)["Versions"]
    assert [(version["VersionId"], version["IsDefaultVersion"]) for version in versions] == [("v2", True), ("v1", False)]
    roles = iam.list_entities_for_policy(PolicyArn=OWN)["PolicyRoles"]
    assert roles == [{"RoleName": "Worker", "RoleId": role["RoleId"]}], roles
    document = iam.get_policy_version(PolicyArn=BASIC, VersionId="v1")["PolicyVersion"]["Document"]
    assert "logs:PutLogEvents" in document["Statement"][0]["Action"], document
    profiles = iam.list_instance_profiles_for_role(RoleName="Worker")["InstanceProfiles"]
    assert [profile["InstanceProfileName"] for profile in profiles] == ["profile"], profiles
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1})
    names = [[role["RoleName"] for role in page["Roles"]] for page in pages]
    assert names == [["AWSServiceRoleForLambdaReplicator"], ["Worker"]], names
    assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/app/")["Roles"]] == ["Worker"]
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    arns = [policy["Arn"] for page in pages for policy in page["Policies"]]
    assert arns[0] == OWN and BASIC in arns and len(arns) == len(set(arns)), arns
    assert [p["Arn"] for p in iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]] == [OWN]
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert client(url, "iam", ("test", "x", None)).list_roles()["Roles"] == []
    sts = client(url, "sts")
    assumed = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=7200)
    assert assumed["AssumedRoleUser"]["AssumedRoleId"] == role["RoleId"] + ":me", assumed
    refused("ValidationError", 400, "MaxSessionDuration", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=7201)


def remove(url):
    iam = client(url, "iam")
    remove_people(iam)
    iam.remove_role_from_instance_profile(InstanceProfileName="profile", RoleName="Worker")
    iam.delete_instance_profile(InstanceProfileName="profile")
    refused("DeleteConflict", 409, "must detach all policies", iam.delete_role, RoleName="Worker")
    for arn in (BASIC, OWN):
        iam.detach_role_policy(RoleName="Worker", PolicyArn=arn)
    refused("NoSuchEntity", 404, "was not found", iam.detach_role_policy, RoleName="Worker", PolicyArn=OWN)
    refused("DeleteConflict", 409, "must delete policies", iam.delete_role, RoleName="Worker")
    iam.delete_role_policy(RoleName="Worker", PolicyName="inline")
    iam.delete_role_permissions_boundary(RoleName="Worker")
    # A policy is found whatever the case of its name, also as a boundary that keeps it from being deleted.
    other = iam.create_policy(PolicyName="Fence", PolicyDocument=FENCE)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="Worker", PermissionsBoundary=other.replace("Fence", "fence"))
    refused("DeleteConflict", 409, "", iam.delete_policy, PolicyArn=other)
    iam.delete_role_permissions_boundary(RoleName="Worker")
    iam.delete_policy(PolicyArn=other)
    iam.untag_role(RoleName="Worker", TagKeys=["TEAM", "empty"])
    assert iam.list_role_tags(RoleName="Worker")["Tags"] == []
    iam.delete_role(RoleName="Worker")
    refused("DeleteConflict", 409, "more than one version", iam.delete_policy, PolicyArn=OWN)
    refused("DeleteConflict", 409, "default version", iam.delete_policy_version, PolicyArn=OWN, VersionId="v2")
    iam.delete_policy_version(PolicyArn=OWN, VersionId="v1")
    iam.delete_policy(PolicyArn=OWN)
    refused("NoSuchEntity", 404, "was not found", iam.get_policy, PolicyArn=OWN)
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForLambdaReplicator")["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    assert iam.list_roles()["Roles"] == [] and iam.list_instance_profiles()["InstanceProfiles"] == []


{"make": make, "check": check, "remove": remove}[sys.argv[2]](sys.argv[1])
print("neighbours: all as expected")
