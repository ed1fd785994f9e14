"""Destinations and dead-letter queues, as recorded on AWS (test_lambda_destinations, test_dead_letter_queue).

    use_destinations.py URL queues            queues of Larder's own, or of its upstream
    use_destinations.py URL all               topics, buses and buckets of its upstream, too

The server's events are tried again at once (LAMBDA_RETRY_BASE_DELAY_SECONDS=0).
"""

import io
import json
import sys
import time
import zipfile

import boto3

url, what = sys.argv[1:]
account = "000000000000"


def client(service):
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="x"
    )


lam, sqs = client("lambda"), client("sqs")

CODE = """
def handler(event, context):
    if isinstance(event, dict) and event.get("raise_error"):
        raise Exception("Test exception (this is intentional)")
    return {"took": event}
"""


def function(name):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", CODE)
    lam.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="handler.handler",
        Role=f"arn:aws:iam::{account}:role/r",
        Code={"ZipFile": package.getvalue()},
        Timeout=20,
    )
    lam.get_waiter("function_active_v2").wait(FunctionName=name)
    return f"arn:aws:lambda:us-east-1:{account}:function:{name}"


def queue(name):
    made = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=made, AttributeNames=["QueueArn"])["Attributes"]
    return made, attributes["QueueArn"]


def configure(**destinations):
    config = {kind: {"Destination": arn} for kind, arn in destinations.items()}
    lam.put_function_event_invoke_config(FunctionName="fn", DestinationConfig=config)


def send(event):
    answer = lam.invoke(FunctionName="fn", InvocationType="Event", Payload=json.dumps(event))
    assert answer["StatusCode"] == 202, answer
    return answer["ResponseMetadata"]["RequestId"]


def take(queue_url):
    """The next message, which is deleted."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = sqs.receive_message(
            QueueUrl=queue_url, WaitTimeSeconds=5, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        for message in found.get("Messages", []):
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            return message
    raise AssertionError(f"nothing came to {queue_url}")


def check(record, request_id, condition, count, members):
    assert list(record) == ["version", "timestamp", "requestContext", *members], list(record)
    assert record["version"] == "1.0" and record["timestamp"].endswith("Z") and len(record["timestamp"]) == 24, record
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"arn:aws:lambda:us-east-1:{account}:function:fn:$LATEST",
        "condition": condition,
        "approximateInvokeCount": count,
    }, record


ANSWERED = ["requestPayload", "responseContext", "responsePayload"]


def failed(record, request_id, condition, count):
    check(record, request_id, condition, count, ANSWERED)
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }, record
    assert record["responsePayload"]["errorMessage"] == "Test exception (this is intentional)", record
    assert record["responsePayload"]["requestId"] == request_id, record


def succeeded(record, request_id, event):
    check(record, request_id, "Success", 1, ANSWERED)
    assert record["requestPayload"] == event and record["responsePayload"] == {"took": event}, record
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}, record


def of_queues():
    records, records_arn = queue("records")
    letters, letters_arn = queue("letters")
    configure(OnSuccess=records_arn, OnFailure=records_arn)
    request_id = send({"n": 1})
    message = take(records)
    assert "MessageAttributes" not in message, message
    assert "AWSTraceHeader" in message["Attributes"], message
    succeeded(json.loads(message["Body"]), request_id, {"n": 1})
    request_id = send({"raise_error": 1})
    failed(json.loads(take(records)["Body"]), request_id, "RetriesExhausted", 3)

    # A dead-letter queue gets the event itself, beside the destination.
    lam.update_function_configuration(FunctionName="fn", DeadLetterConfig={"TargetArn": letters_arn})
    lam.get_waiter("function_updated_v2").wait(FunctionName="fn")
    request_id = send({"raise_error": 1, "z": "ü", "a": 1})
    failed(json.loads(take(records)["Body"]), request_id, "RetriesExhausted", 3)
    letter = take(letters)
    assert letter["Body"] == json.dumps({"raise_error": 1, "z": "ü", "a": 1}), letter
    attributes = {name: (found["DataType"], found["StringValue"]) for name, found in letter["MessageAttributes"].items()}
    assert attributes == {
        "RequestID": ("String", request_id),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "Test exception (this is intentional)"),
    }, attributes

    # What may not run at all is not tried.
    lam.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=0)
    request_id = send({"n": 2})
    check(json.loads(take(records)["Body"]), request_id, "ZeroReservedConcurrency", 0, ["requestPayload"])
    take(letters)
    lam.delete_function_concurrency(FunctionName="fn")
    lam.update_function_configuration(FunctionName="fn", DeadLetterConfig={"TargetArn": ""})
    lam.get_waiter("function_updated_v2").wait(FunctionName="fn")

    lam.put_function_event_invoke_config(
        FunctionName="fn",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": records_arn}},
    )
    send({"n": 3})
    request_id = send({"raise_error": 1})
    failed(json.loads(take(records)["Body"]), request_id, "RetriesExhausted", 2)


def of_functions():
    records, records_arn = queue("of-next")
    configure(OnSuccess=function("next"))
    lam.put_function_event_invoke_config(
        FunctionName="next", DestinationConfig={"OnSuccess": {"Destination": records_arn}}
    )
    request_id = send({"n": 4})
    succeeded(json.loads(take(records)["Body"])["requestPayload"], request_id, {"n": 4})


def of_topics():
    sns = client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    told, told_arn = queue("told")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=told_arn)
    configure(OnSuccess=topic)
    request_id = send({"n": 5})
    succeeded(json.loads(json.loads(take(told)["Body"])["Message"]), request_id, {"n": 5})

    configure()
    lam.update_function_configuration(FunctionName="fn", DeadLetterConfig={"TargetArn": topic})
    lam.get_waiter("function_updated_v2").wait(FunctionName="fn")
    request_id = send({"raise_error": 2})
    letter = json.loads(take(told)["Body"])
    assert json.loads(letter["Message"]) == {"raise_error": 2}, letter
    assert letter["MessageAttributes"]["RequestID"]["Value"] == request_id, letter
    assert letter["MessageAttributes"]["ErrorCode"] == {"Type": "Number", "Value": "200"}, letter
    lam.update_function_configuration(FunctionName="fn", DeadLetterConfig={"TargetArn": ""})
    lam.get_waiter("function_updated_v2").wait(FunctionName="fn")


def of_buses():
    events = client("events")
    bus = events.create_event_bus(Name="bus")["EventBusArn"]
    told, told_arn = queue("of-bus")
    events.put_rule(Name="all", EventBusName="bus", EventPattern='{"source":["lambda"]}')
    events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "1", "Arn": told_arn}])
    configure(OnSuccess=bus)
    request_id = send({"n": 6})
    event = json.loads(take(told)["Body"])
    assert event["detail-type"] == "Lambda Function Invocation Result - Success" and event["source"] == "lambda", event
    assert event["resources"] == [bus, f"arn:aws:lambda:us-east-1:{account}:function:fn:$LATEST"], event
    succeeded(event["detail"], request_id, {"n": 6})


def of_buckets():
    s3 = client("s3")
    s3.create_bucket(Bucket="records")
    lam.put_function_event_invoke_config(
        FunctionName="fn",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::records"}},
    )
    request_id = send({"raise_error": 3})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for found in s3.list_objects_v2(Bucket="records").get("Contents", []):
            parts = found["Key"].split("/")
            assert parts[:4] == ["aws", "lambda", "async", "fn"] and len(parts) == 8, found["Key"]
            body = s3.get_object(Bucket="records", Key=found["Key"])["Body"].read()
            return failed(json.loads(body), request_id, "RetriesExhausted", 1)
        time.sleep(0.1)
    raise AssertionError("no object was put")


function("fn")
of_queues()
of_functions()
if what == "all":
    of_topics()
    of_buses()
    of_buckets()
print("ok")
