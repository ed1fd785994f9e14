"""What an SDK finds of functions in CloudWatch: usage use_cloudwatch.py ENDPOINT PROTOCOL.

The function `metered` ran four times: twice by its name, of which once in vain, and by its alias and its version."""

import datetime
import sys

import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, PROTOCOL = sys.argv[1:]
NOW = datetime.datetime.now(datetime.timezone.utc)
START, END = NOW - datetime.timedelta(minutes=30), NOW + datetime.timedelta(minutes=2)


def client():
    """Of an SDK that speaks the protocol: those that know several take one of them by themselves."""
    load = botocore.loaders.Loader.load_service_model

    def speaking(loader, service, kind, *rest, **more):
        model = load(loader, service, kind, *rest, **more)
        if service == "cloudwatch" and kind == "service-2" and PROTOCOL in model["metadata"].get("protocols", []):
            model["metadata"].update(protocol=PROTOCOL, protocols=[PROTOCOL])
        return model

    botocore.loaders.Loader.load_service_model = speaking
    session = botocore.session.get_session()
    session.set_credentials("test", "test")
    config = Config(retries={"total_max_attempts": 1})
    return session.create_client("cloudwatch", endpoint_url=ENDPOINT, region_name="us-east-1", config=config)


def refused(call, code, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was expected")


def of(**dimensions):
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


cloudwatch = client()
spoken = cloudwatch.meta.service_model.resolved_protocol if hasattr(cloudwatch.meta.service_model, "resolved_protocol") else "query"
assert spoken == PROTOCOL, spoken


def total(name, dimensions, statistic="Sum"):
    found = cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda", MetricName=name, Dimensions=dimensions, StartTime=START, EndTime=END, Period=3600, Statistics=[statistic]
    )
    assert found["Label"] == name
    points = found["Datapoints"]
    assert all(START - datetime.timedelta(minutes=1) <= point["Timestamp"] <= END for point in points), points
    assert all(point["Unit"] == ("Milliseconds" if name == "Duration" else "Count") for point in points), points
    return sum(point[statistic] for point in points)


function = of(FunctionName="metered")
assert total("Invocations", function) == 4
assert total("Invocations", []) == 4
assert total("Invocations", of(FunctionName="metered", Resource="metered")) == 2
assert total("Invocations", of(FunctionName="metered", Resource="metered:live")) == 1
assert total("Invocations", of(FunctionName="metered", Resource="metered:live", ExecutedVersion="1")) == 1
assert total("Invocations", of(FunctionName="other")) == 0
assert total("Errors", function) == 1 and total("Errors", function, "Average") == 0.25
assert total("Throttles", function) == 0 and total("Throttles", function, "SampleCount") == 4
assert total("ConcurrentExecutions", function, "Maximum") == 1
assert total("Duration", function, "SampleCount") == 4 and total("Duration", function, "Minimum") > 0

extended = cloudwatch.get_metric_statistics(
    Namespace="AWS/Lambda", MetricName="Duration", Dimensions=function, StartTime=START, EndTime=END, Period=3600, ExtendedStatistics=["p50", "p99.9"]
)
assert all(set(point["ExtendedStatistics"]) == {"p50", "p99.9"} for point in extended["Datapoints"]), extended

queries = [
    {"Id": f"m{number}", "MetricStat": {"Metric": {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": function}, "Period": 60, "Stat": stat}}
    for number, (name, stat) in enumerate([("Invocations", "Sum"), ("Duration", "p90"), ("Unknown", "Sum")])
]
queries[0]["Label"] = "mine"
data = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=START, EndTime=END, ScanBy="TimestampAscending")
invocations, durations, unknown = data["MetricDataResults"]
assert invocations["Label"] == "mine" and sum(invocations["Values"]) == 4 and invocations["StatusCode"] == "Complete", invocations
assert invocations["Timestamps"] == sorted(invocations["Timestamps"]) and len(invocations["Timestamps"]) == len(invocations["Values"])
assert durations["Values"] and not unknown["Values"] and unknown["Id"] == "m2", data

pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="AWS/Lambda"))
listed = [(metric["MetricName"], tuple((one["Name"], one["Value"]) for one in metric["Dimensions"])) for page in pages for metric in page["Metrics"]]
assert len(listed) == len(set(listed)) == 5 * 6, listed
assert ("Errors", (("FunctionName", "metered"), ("Resource", "metered:live"), ("ExecutedVersion", "1"))) in listed
some = cloudwatch.list_metrics(MetricName="Duration", Dimensions=[{"Name": "Resource"}], RecentlyActive="PT3H")["Metrics"]
assert len(some) == 4, some
assert not cloudwatch.list_metrics(Namespace="AWS/EC2")["Metrics"]

one = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "StartTime": START, "EndTime": END, "Period": 60, "Statistics": ["Sum"]}
assert "limit of 1,440" in refused(cloudwatch.get_metric_statistics, "InvalidParameterCombination", **{**one, "StartTime": START - datetime.timedelta(days=9)})
refused(cloudwatch.get_metric_statistics, "InvalidParameterCombination", **{**one, "StartTime": END})
refused(cloudwatch.get_metric_statistics, "InvalidParameterValue", **{**one, "Period": 45})
refused(cloudwatch.get_metric_data, "ValidationError", MetricDataQueries=[{"Id": "e", "Expression": "m1 * 2"}], StartTime=START, EndTime=END)
refused(cloudwatch.get_metric_data, "InvalidNextToken", MetricDataQueries=queries, StartTime=START, EndTime=END, NextToken="nonsense")
assert "PutMetricData" in refused(
    cloudwatch.put_metric_data, "InvalidAction", Namespace="Mine", MetricData=[{"MetricName": "m", "Value": 1}]
)

print(f"cloudwatch in {PROTOCOL}: all as expected")
