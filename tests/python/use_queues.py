"""What a Python program does with SQS, by boto3: usage use_queues.py URL PROTOCOL.

Run by today's SDK, which speaks JSON, and by the last one that speaks in forms and XML."""

import hashlib
import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "eu-west-1"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
TEXT = "one < two & \"three\"\r\n\tümläut ☃ 😀"


def refused(code, status, text, call, **request):
    try:
        call(**request)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and text in found["Message"], (code, text, found)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return error.response
    raise AssertionError(f"not refused: {request}")


def received(sqs, url, **request):
    messages = sqs.receive_message(QueueUrl=url, **{"WaitTimeSeconds": 5, **request}).get("Messages", [])
    for message in messages:
        assert message["MD5OfBody"] == hashlib.md5(message["Body"].encode()).hexdigest(), message
    return messages


def attributes(sqs, url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get("Attributes", {})


def queues(sqs, endpoint):
    url = sqs.create_queue(QueueName="q", Attributes={"DelaySeconds": "0", "VisibilityTimeout": "20"}, tags={"a": "1"})["QueueUrl"]
    assert url == f"{endpoint}/{ACCOUNT}/q", url
    assert sqs.create_queue(QueueName="q")["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName="q")["QueueUrl"] == url
    refused("QueueAlreadyExists", 400, "a different value for attribute VisibilityTimeout", sqs.create_queue, QueueName="q", Attributes={"VisibilityTimeout": "21"})
    refused("InvalidParameterValue", 400, "Can only include alphanumeric characters", sqs.create_queue, QueueName="a b")
    refused("InvalidAttributeName", 400, "Unknown Attribute Nonsense.", sqs.create_queue, QueueName="r", Attributes={"Nonsense": "1"})
    refused("InvalidAttributeValue", 400, "Invalid value for the parameter DelaySeconds.", sqs.create_queue, QueueName="r", Attributes={"DelaySeconds": "901"})
    missing = refused("AWS.SimpleQueueService.NonExistentQueue", 400, "The specified queue does not exist", sqs.get_queue_url, QueueName="nobody")
    assert missing["Error"]["Type"] == "Sender", missing
    refused("AWS.SimpleQueueService.NonExistentQueue", 400, "does not exist", sqs.send_message, QueueUrl=url + "2", MessageBody="x")
    try:
        sqs.get_queue_url(QueueName="nobody")
    except sqs.exceptions.QueueDoesNotExist:
        pass

    found = attributes(sqs, url, "All")
    created = int(found.pop("CreatedTimestamp"))
    assert abs(created - time.time()) < 60 and int(found.pop("LastModifiedTimestamp")) >= created
    assert found == {
        "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600", "QueueArn": ARN + "q", "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true", "VisibilityTimeout": "20",
    }, found
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy, "VisibilityTimeout": "30"})
    assert attributes(sqs, url, "Policy", "VisibilityTimeout") == {"Policy": policy, "VisibilityTimeout": "30"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert attributes(sqs, url, "Policy") == {} and attributes(sqs, url) == {}
    refused("InvalidAttributeName", 400, "Unknown Attribute Nope.", sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Nope"])

    sqs.tag_queue(QueueUrl=url, Tags={"b": "<2>", "c": ""})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "never"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "<2>", "c": ""}
    sqs.add_permission(QueueUrl=url, Label="label", AWSAccountIds=["111111111111"], Actions=["SendMessage", "ReceiveMessage"])
    (statement,) = json.loads(attributes(sqs, url, "Policy")["Policy"])["Statement"]
    assert statement["Action"] == ["SQS:SendMessage", "SQS:ReceiveMessage"], statement
    refused("InvalidParameterValue", 400, "Already exists.", sqs.add_permission, QueueUrl=url, Label="label", AWSAccountIds=["111111111111"], Actions=["*"])
    sqs.remove_permission(QueueUrl=url, Label="label")
    refused("InvalidParameterValue", 400, "can't find label.", sqs.remove_permission, QueueUrl=url, Label="label")
    return url


def listings(sqs):
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="nobody")
    for number in range(5):
        sqs.create_queue(QueueName=f"page-{number}")
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix="page-", PaginationConfig={"PageSize": 2})
    names = [[url.rsplit("/")[-1] for url in page["QueueUrls"]] for page in pages]
    assert names == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]], names
    dead = sqs.get_queue_url(QueueName="page-0")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": ARN + "page-0", "maxReceiveCount": 1})
    for number in range(1, 4):
        url = sqs.get_queue_url(QueueName=f"page-{number}")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    assert json.loads(attributes(sqs, url, "RedrivePolicy")["RedrivePolicy"]) == json.loads(redrive)
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=dead, PaginationConfig={"PageSize": 2})
    names = [[url.rsplit("/")[-1] for url in page["queueUrls"]] for page in pages]
    assert names == [["page-1", "page-2"], ["page-3"]], names
    for url in sqs.list_queues(QueueNamePrefix="page-")["QueueUrls"]:
        sqs.delete_queue(QueueUrl=url)


def messages(sqs, url):
    given = {
        "text": {"DataType": "String", "StringValue": TEXT},
        "number": {"DataType": "Number.int", "StringValue": "7"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody=TEXT, MessageAttributes=given, MessageSystemAttributes=trace)
    assert sent["MD5OfMessageBody"] == hashlib.md5(TEXT.encode()).hexdigest(), sent
    assert len(sent["MD5OfMessageAttributes"]) == len(sent["MD5OfMessageSystemAttributes"]) == 32 and "SequenceNumber" not in sent
    (message,) = received(sqs, url, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert (message["Body"], message["MessageId"]) == (TEXT, sent["MessageId"]), message
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["MessageAttributes"] == given, message["MessageAttributes"]
    system = message["Attributes"]
    assert system.pop("SenderId") == ACCOUNT and system.pop("AWSTraceHeader").startswith("Root=1-5759e988")
    assert system.pop("ApproximateReceiveCount") == "1"
    assert abs(int(system.pop("SentTimestamp")) / 1000 - time.time()) < 60
    assert int(system.pop("ApproximateFirstReceiveTimestamp")) > 0 and not system, system
    assert attributes(sqs, url, "ApproximateNumberOfMessagesNotVisible") == {"ApproximateNumberOfMessagesNotVisible": "1"}

    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = received(sqs, url, AttributeNames=["ApproximateReceiveCount"], MessageAttributeNames=["num.*", "never"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"} and set(again["MessageAttributes"]) == {"number"}
    refused("ReceiptHandleIsInvalid", 404, "is not a valid receipt handle.", sqs.delete_message, QueueUrl=url, ReceiptHandle="nonsense")
    refused("InvalidParameterValue", 400, "Must be >= 0 and <= 43200", sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=43201)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)

    refused("InvalidParameterValue", 400, "Reason: Must be between 1 and 10, if provided.", sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    refused("InvalidParameterValue", 400, "Value 21 for parameter WaitTimeSeconds is invalid.", sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21)
    refused("MissingParameter", 400, "The request must contain the parameter MessageBody.", sqs.send_message, QueueUrl=url, MessageBody="")
    refused("InvalidMessageContents", 400, "Invalid characters found.", sqs.send_message, QueueUrl=url, MessageBody="\ufffe")
    refused("InvalidParameterValue", 400, "Message must be shorter than 1048576 bytes.", sqs.send_message, QueueUrl=url, MessageBody="x" * 1048577)
    refused("InvalidParameterValue", 400, "must contain a non-empty value of type 'String'.", sqs.send_message, QueueUrl=url, MessageBody="x", MessageAttributes={"a": {"DataType": "String", "StringValue": ""}})
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1048576)
    (large,) = received(sqs, url)
    assert len(large["Body"]) == 1048576
    sqs.delete_message(QueueUrl=url, ReceiptHandle=large["ReceiptHandle"])


def batches(sqs, url):
    entries = [{"Id": f"e{number}", "MessageBody": f"body {number}"} for number in range(9)]
    entries.append({"Id": "bad", "MessageBody": "x", "DelaySeconds": 901})
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in sent["Successful"]] == [f"e{number}" for number in range(9)], sent
    (failed,) = sent["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidParameterValue", True), failed
    found = {}
    while len(found) < 9:
        found |= {message["Body"]: message for message in received(sqs, url, MaxNumberOfMessages=10)}
    handles = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(found.values())]
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[{**handle, "VisibilityTimeout": 60} for handle in handles])
    assert len(changed["Successful"]) == 9, changed
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[*handles, {"Id": "bad", "ReceiptHandle": "nonsense"}])
    assert len(deleted["Successful"]) == 9 and deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid", deleted

    batch = sqs.send_message_batch
    refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, "You have sent 11.", batch, QueueUrl=url, Entries=[*entries, {"Id": "e", "MessageBody": "x"}])
    refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400, "Id e0 repeated.", batch, QueueUrl=url, Entries=[entries[0], entries[0]])
    refused("AWS.SimpleQueueService.InvalidBatchEntryId", 400, "at most 80 letters long.", batch, QueueUrl=url, Entries=[{"Id": "a b", "MessageBody": "x"}])
    half = "x" * 600_000
    refused("AWS.SimpleQueueService.BatchRequestTooLong", 400, "You have sent 1200000 bytes.", batch, QueueUrl=url, Entries=[{"Id": "1", "MessageBody": half}, {"Id": "2", "MessageBody": half}])


def fifo(sqs):
    refused("InvalidParameterValue", 400, "Can only include alphanumeric characters", sqs.create_queue, QueueName="q.fifo")
    url = sqs.create_queue(QueueName="q.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    found = attributes(sqs, url, "FifoQueue", "DeduplicationScope", "FifoThroughputLimit")
    assert found == {"FifoQueue": "true", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}, found
    refused("MissingParameter", 400, "The request must contain the parameter MessageGroupId.", sqs.send_message, QueueUrl=url, MessageBody="x")
    first = sqs.send_message(QueueUrl=url, MessageBody="one", MessageGroupId="g")
    again = sqs.send_message(QueueUrl=url, MessageBody="one", MessageGroupId="g")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    second = sqs.send_message(QueueUrl=url, MessageBody="two", MessageGroupId="g")
    assert int(second["SequenceNumber"]) > int(first["SequenceNumber"])
    messages = received(sqs, url, MaxNumberOfMessages=10, AttributeNames=["SequenceNumber", "MessageGroupId"])
    assert [message["Body"] for message in messages] == ["one", "two"], messages
    assert messages[0]["Attributes"] == {"SequenceNumber": first["SequenceNumber"], "MessageGroupId": "g"}
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def dead_letters(sqs):
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": ARN + "dead", "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})["QueueUrl"]
    sent = [sqs.send_message(QueueUrl=url, MessageBody=str(number))["MessageId"] for number in range(3)]
    assert len(received(sqs, url, MaxNumberOfMessages=10)) == 3
    assert not received(sqs, url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
    messages = received(sqs, dead, MaxNumberOfMessages=10, AttributeNames=["DeadLetterQueueSourceArn"], VisibilityTimeout=0)
    assert sorted(message["MessageId"] for message in messages) == sorted(sent), messages
    assert messages[0]["Attributes"] == {"DeadLetterQueueSourceArn": ARN + "work"}, messages[0]

    refused("InvalidParameterValue", 400, "Source queue must be configured as a Dead Letter Queue.", sqs.start_message_move_task, SourceArn=ARN + "work")
    refused("ResourceNotFoundException", 404, "the SourceArn parameter doesn't exist.", sqs.start_message_move_task, SourceArn=ARN + "nobody")
    refused("InvalidParameterValue", 400, "Value for parameter TaskHandle is invalid.", sqs.cancel_message_move_task, TaskHandle="nonsense")
    sqs.start_message_move_task(SourceArn=ARN + "dead")
    for _ in range(100):
        (task,) = sqs.list_message_move_tasks(SourceArn=ARN + "dead")["Results"]
        if task["Status"] != "RUNNING":
            break
        time.sleep(0.05)
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == ("COMPLETED", 3, 3), task
    assert attributes(sqs, url, "ApproximateNumberOfMessages") == {"ApproximateNumberOfMessages": "3"}
    sqs.purge_queue(QueueUrl=url)
    refused("AWS.SimpleQueueService.PurgeQueueInProgress", 403, "Only one PurgeQueue operation on work is allowed every 60 seconds.", sqs.purge_queue, QueueUrl=url)
    assert attributes(sqs, url, "ApproximateNumberOfMessages") == {"ApproximateNumberOfMessages": "0"}


def main(endpoint, protocol):
    sqs = boto3.client(
        "sqs", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    assert sqs.meta.service_model.metadata["protocol"] == protocol
    url = queues(sqs, endpoint)
    listings(sqs)
    messages(sqs, url)
    batches(sqs, url)
    fifo(sqs)
    dead_letters(sqs)
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.delete_queue(QueueUrl=url)
    assert "QueueUrls" not in sqs.list_queues()
    print(f"queues in {protocol}: all as expected")


main(*sys.argv[1:])
