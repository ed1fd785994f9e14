"""What a Python program does with CloudWatch Logs, by boto3: usage use_logs.py URL."""

import sys
import time

import boto3
from botocore.exceptions import ClientError

DAY = 24 * 3600 * 1000
GROUP = "/test/group"


def refused(call, code, text, **request):
    try:
        call(**request)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and text in found["Message"], (request, found)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response
        return
    raise AssertionError(f"not refused: {request}")


def groups(logs):
    logs.create_log_group(logGroupName=GROUP, tags={"env": "test"})
    for name in ["a/1", "a/2", "b/1"]:
        logs.create_log_group(logGroupName=name)
    refused(logs.create_log_group, "ResourceAlreadyExistsException", "The specified log group already exists", logGroupName=GROUP)
    refused(logs.create_log_group, "InvalidParameterException", "both must have length less than or equal to 512.", logGroupName="a" * 513)
    refused(logs.create_log_group, "InvalidParameterException", "reserved for AWS", logGroupName="aws/x")
    refused(logs.create_log_group, "InvalidParameterException", "Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern", logGroupName="a b")
    refused(logs.delete_log_group, "ResourceNotFoundException", "The specified log group does not exist.", logGroupName="nobody")
    (found,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
    created = found.pop("creationTime")
    assert abs(created - time.time() * 1000) < 60_000, created
    assert found == {
        "logGroupName": GROUP, "arn": arn + ":*", "logGroupArn": arn, "metricFilterCount": 0, "storedBytes": 0,
        "logGroupClass": "STANDARD", "deletionProtectionEnabled": False,
    }, found
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
    names = [[group["logGroupName"] for group in page["logGroups"]] for page in pages]
    assert names == [[GROUP, "a/1"], ["a/2", "b/1"]], names
    assert [group["logGroupName"] for group in logs.describe_log_groups(logGroupNamePattern="/1")["logGroups"]] == ["a/1", "b/1"]
    refused(logs.describe_log_groups, "InvalidParameterException", "mutually exclusive", logGroupNamePrefix="a", logGroupNamePattern="a")
    assert [group["logGroupName"] for group in logs.list_log_groups(logGroupNamePattern="^a/1|est/gr")["logGroups"]] == [GROUP, "a/1"]

    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["retentionInDays"] == 7
    refused(logs.put_retention_policy, "InvalidParameterException", "Value '2' at 'retentionInDays'", logGroupName=GROUP, retentionInDays=2)
    logs.delete_retention_policy(logGroupName=GROUP)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]

    logs.tag_resource(resourceArn=arn, tags={"one": "1", "two": "2"})
    logs.tag_log_group(logGroupName=GROUP, tags={"two": "zwei"})
    logs.untag_resource(resourceArn=arn, tagKeys=["env"])
    logs.untag_log_group(logGroupName=GROUP, tags=["one", "never"])
    assert logs.list_tags_log_group(logGroupName=GROUP)["tags"] == {"two": "zwei"}
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"two": "zwei"}
    refused(logs.tag_resource, "TooManyTagsException", "50", resourceArn=arn, tags={f"t{n}": "" for n in range(50)})
    assert logs.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"] == []
    assert logs.describe_metric_filters()["metricFilters"] == []
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=True)
    refused(logs.delete_log_group, "ValidationException", "deletion protection", logGroupName=GROUP)
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=False)


def streams(logs):
    for name in ["one", "two", "three"]:
        logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
    refused(logs.create_log_stream, "ResourceAlreadyExistsException", "The specified log stream already exists", logGroupName=GROUP, logStreamName="one")
    refused(logs.create_log_stream, "ResourceNotFoundException", "The specified log group does not exist.", logGroupName="nobody", logStreamName="one")
    refused(logs.delete_log_stream, "ResourceNotFoundException", "The specified log stream does not exist.", logGroupName=GROUP, logStreamName="nobody")
    found = logs.describe_log_streams(logGroupIdentifier=f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}")["logStreams"]
    assert [stream["logStreamName"] for stream in found] == ["one", "three", "two"], found
    assert found[0]["arn"] == f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}:log-stream:one", found
    assert set(found[0]) == {"logStreamName", "creationTime", "arn", "storedBytes"}, found
    assert len(logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="t")["logStreams"]) == 2
    refused(logs.describe_log_streams, "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters.", logGroupName=GROUP, logGroupIdentifier=GROUP)
    refused(logs.describe_log_streams, "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.", logGroupName=GROUP, logStreamNamePrefix="t", orderBy="LastEventTime")


def lines(logs, now):
    put = {"logGroupName": GROUP, "logStreamName": "one"}
    answer = logs.put_log_events(**put, logEvents=[{"timestamp": now + n, "message": f"line {n}"} for n in range(25)])
    assert len(answer["nextSequenceToken"]) == 56 and "rejectedLogEventsInfo" not in answer, answer
    logs.put_log_events(logGroupName=GROUP, logStreamName="two", sequenceToken="ignored", logEvents=[
        {"timestamp": now + 3, "message": "🙀 - 参よ"}, {"timestamp": now + 100, "message": '{"level": "ERROR", "code": 7}'},
    ])
    event = {"timestamp": now, "message": "x"}
    refused(logs.put_log_events, "ResourceNotFoundException", "The specified log stream does not exist.", logGroupName=GROUP, logStreamName="no", logEvents=[event])
    refused(logs.put_log_events, "InvalidParameterException", "must be in chronological order.", **put, logEvents=[event, {"timestamp": now - 1, "message": "y"}])
    refused(logs.put_log_events, "InvalidParameterException", "Upload too large: 1200052 bytes exceeds limit of 1048576", **put, logEvents=[{"timestamp": now, "message": "x" * 600_000}] * 2)
    refused(logs.put_log_events, "InvalidParameterException", "cannot span more than 24 hours", **put, logEvents=[{"timestamp": now - 2 * DAY, "message": "x"}, event])
    old = logs.put_log_events(**put, logEvents=[{"timestamp": now - 30 * DAY, "message": "old"}])
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}, old
    new = logs.put_log_events(**put, logEvents=[{"timestamp": now + DAY, "message": "new"}])
    assert new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}, new

    by_time = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True, limit=2)
    assert [stream["logStreamName"] for stream in by_time["logStreams"]] == ["two", "one"], by_time
    rest = logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True, nextToken=by_time["nextToken"])
    assert [stream["logStreamName"] for stream in rest["logStreams"]] == ["three"] and "nextToken" not in rest, rest
    one = by_time["logStreams"][1]
    assert (one["firstEventTimestamp"], one["lastEventTimestamp"]) == (now, now + 24) and one["lastIngestionTime"] >= now - 1000, one
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["storedBytes"] > 25 * 26


def get(logs, now):
    stream = {"logGroupName": GROUP, "logStreamName": "one"}
    texts = lambda answer: [event["message"] for event in answer["events"]]
    line = lambda start, end: [f"line {n}" for n in range(start, end)]
    last = logs.get_log_events(**stream, limit=10)
    assert texts(last) == line(15, 25), last
    before = logs.get_log_events(**stream, limit=20, nextToken=last["nextBackwardToken"])
    assert texts(before) == line(0, 15), before
    end = logs.get_log_events(**stream, nextToken=before["nextBackwardToken"])
    assert texts(end) == [] and end["nextBackwardToken"] == before["nextBackwardToken"], end
    first = logs.get_log_events(**stream, limit=10, startFromHead=True)
    assert texts(first) == line(0, 10), first
    assert first["nextForwardToken"].startswith("f/") and first["nextBackwardToken"].startswith("b/"), first
    second = logs.get_log_events(**stream, startFromHead=True, nextToken=first["nextForwardToken"])
    assert texts(second) == line(10, 25), second
    end = logs.get_log_events(**stream, startFromHead=True, nextToken=second["nextForwardToken"])
    assert texts(end) == [] and end["nextForwardToken"] == second["nextForwardToken"], end
    logs.put_log_events(**stream, logEvents=[{"timestamp": now + 50, "message": "late"}])
    assert texts(logs.get_log_events(**stream, startFromHead=True, nextToken=end["nextForwardToken"])) == ["late"]
    # The start is included, the end is not.
    assert texts(logs.get_log_events(**stream, startTime=now + 3, endTime=now + 5)) == line(3, 5)
    empty = logs.get_log_events(logGroupName=GROUP, logStreamName="three")
    assert empty["events"] == [] and empty["nextForwardToken"] and empty["nextBackwardToken"], empty
    logs.put_log_events(logGroupName=GROUP, logStreamName="three", logEvents=[{"timestamp": now, "message": "came"}])
    assert texts(logs.get_log_events(logGroupName=GROUP, logStreamName="three", nextToken=empty["nextForwardToken"])) == ["came"]
    refused(logs.get_log_events, "InvalidParameterException", "The specified nextToken is invalid.", **stream, nextToken="invalid-token")
    refused(logs.get_log_events, "InvalidParameterException", "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000", **stream, limit=10001)
    refused(logs.get_log_events, "ResourceNotFoundException", "The specified log group does not exist.", logGroupName="nobody", logStreamName="one")


def search(logs, now):
    texts = lambda **request: [event["message"] for event in logs.filter_log_events(logGroupName=GROUP, **request)["events"]]
    assert texts(filterPattern="line -1 -2")[:3] == ["line 0", "line 3", "line 4"]
    assert texts(filterPattern='?"line 7" ?参') == ["🙀 - 参よ", "line 7"]
    assert texts(filterPattern='{ $.level = "ERROR" && $.code > 6 }') == ['{"level": "ERROR", "code": 7}']
    assert texts(logStreamNamePrefix="t", startTime=now + 1) == ["🙀 - 参よ", '{"level": "ERROR", "code": 7}']
    # Other than in GetLogEvents, the end is included.
    assert texts(startTime=now + 2, endTime=now + 3) == ["line 2", "line 3", "🙀 - 参よ"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, logStreamNames=["one"], PaginationConfig={"PageSize": 10})
    pages = [[event["message"] for event in page["events"]] for page in pages]
    assert [len(page) for page in pages] == [10, 10, 6] and sum(pages, [])[:25] == [f"line {n}" for n in range(25)], pages
    (event,) = logs.filter_log_events(logGroupName=GROUP, filterPattern="late")["events"]
    assert event["logStreamName"] == "one" and len(event["eventId"]) == 56 and event["ingestionTime"], event
    answer = logs.filter_log_events(logGroupName=GROUP)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.1"
    assert answer["searchedLogStreams"] == [], answer
    refused(logs.filter_log_events, "InvalidParameterException", "Invalid filter pattern", logGroupName=GROUP, filterPattern="{ $.level = ")
    refused(logs.filter_log_events, "InvalidParameterException", "The specified nextToken is invalid.", logGroupName=GROUP, nextToken="invalid-token")
    refused(logs.filter_log_events, "ResourceNotFoundException", "The specified log stream does not exist.", logGroupName=GROUP, logStreamNames=["no"])


def removal(logs, now):
    logs.delete_log_stream(logGroupName=GROUP, logStreamName="one")
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    assert logs.get_log_events(logGroupName=GROUP, logStreamName="one")["events"] == []
    logs.create_log_stream(logGroupName=GROUP, logStreamName="kept")
    logs.put_log_events(logGroupName=GROUP, logStreamName="kept", logEvents=[{"timestamp": now - 2 * DAY, "message": "two days old"}])
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    assert logs.filter_log_events(logGroupName=GROUP, filterPattern="days")["events"] == []
    assert logs.get_log_events(logGroupName=GROUP, logStreamName="kept")["events"] == []
    expired = logs.put_log_events(logGroupName=GROUP, logStreamName="kept", logEvents=[{"timestamp": now - 2 * DAY, "message": "x"}])
    assert expired["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}, expired
    logs.delete_log_group(logGroupName=GROUP)
    refused(logs.get_log_events, "ResourceNotFoundException", "The specified log group does not exist.", logGroupName=GROUP, logStreamName="two")
    logs.create_log_group(logGroupName=GROUP)
    assert logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []
    refused(logs.start_query, "UnknownOperationException", "StartQuery", logGroupName=GROUP, startTime=0, endTime=1, queryString="fields @message")


def main(url):
    keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "x"}
    logs = boto3.client("logs", endpoint_url=url, region_name="eu-west-1", **keys)
    now = int(time.time() * 1000)
    groups(logs)
    streams(logs)
    for part in (lines, get, search, removal):
        part(logs, now)
    other = boto3.client("logs", endpoint_url=url, region_name="us-east-1", **keys)
    assert other.describe_log_groups()["logGroups"] == []
    print("logs: all as expected")


main(*sys.argv[1:])
