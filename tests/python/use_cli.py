"""What people do with a function by the AWS CLI, from its creation to its end: usage use_cli.py URL RUNTIME.

The CLI's own program runs each command line in this process: a process for each would load the CLI fifty times. It goes
on after a failure, and lists all failures at the end.
"""

import contextlib
import io
import json
import os
import pathlib
import shlex
import sys
import tempfile
import time
import zipfile

import awscli.clidriver

ROLE = "arn:aws:iam::000000000000:role/lambda"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"
failures = []


class Nothing(dict):
    """The output of a command that failed: whatever is asked of it is nothing too."""

    def __missing__(self, name):
        return Nothing()

    def __str__(self):
        return "nothing"


def aws(line):
    """Runs `aws lambda LINE`; its output as JSON."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            ended = driver.main(["--endpoint-url", url, "--output", "json", "lambda", *shlex.split(line)])
        except SystemExit as exit:
            ended = exit.code
    if ended != 0:
        failures.append(f"aws lambda {line}: {errors.getvalue().strip() or ended}")
        return Nothing()
    return json.loads(output.getvalue() or "{}")


def expect(found, wanted, what):
    """Compares, unless the command failed, which is told already."""
    if not isinstance(found, Nothing) and found != wanted:
        failures.append(f"{what}: {found!r}, not {wanted!r}")


def refused(line, code):
    """A command that must fail with an error of Lambda."""
    before = len(failures)
    aws(line)
    told = " ".join(failures[before:])
    del failures[before:]
    if code not in told:
        failures.append(f"aws lambda {line}: {told or 'succeeded'}, not {code}")


def package(name, text):
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("handler.py", f"def handler(event, context):\n    return {{'text': {text!r}}}\n")
    return f"fileb://{folder / name}"


def invoke(options):
    """What a function answers."""
    aws(f"invoke --function-name cli {options} {folder / 'answer.json'}")
    answer = folder / "answer.json"
    return json.loads(answer.read_text()).get("text") if answer.exists() else Nothing()


def functions(runtime):
    one, two = package("one.zip", "one"), package("two.zip", "two")
    created = aws(
        f"create-function --function-name cli --runtime {runtime} --handler handler.handler --role {ROLE} --timeout 30 "
        f"--zip-file {one} --tags team=pantry --environment Variables={{COLOUR=green}} --memory-size 256"
    )
    expect(created["State"], "Pending", "a new function")
    aws("wait function-exists --function-name cli")
    aws("wait function-active-v2 --function-name cli")
    expect(invoke(""), "one", "the first code")
    updated = aws(f"update-function-code --function-name cli --zip-file {two}")
    expect(updated["LastUpdateStatus"], "InProgress", "an update of the code")
    aws("wait function-updated-v2 --function-name cli")
    expect(invoke(""), "two", "the second code")
    changed = aws("update-function-configuration --function-name cli --description changed --memory-size 512")
    expect(changed["MemorySize"], 512, "the memory")
    aws("wait function-updated --function-name cli")
    expect(aws("get-function-configuration --function-name cli")["Description"], "changed", "the description")
    expect(aws("get-function --function-name cli")["Tags"], {"team": "pantry"}, "tags of GetFunction")
    refused("get-function --function-name nobody", "ResourceNotFoundException")
    refused("get-function --function-name 'no name'", "ValidationException")
    return created["FunctionArn"]


def versions():
    expect(aws("publish-version --function-name cli --description first")["Version"], "1", "the first version")
    aws("wait published-version-active --function-name cli --qualifier 1")
    aws("update-function-configuration --function-name cli --description again")
    aws("wait function-updated-v2 --function-name cli")
    expect(aws("publish-version --function-name cli")["Version"], "2", "the second version")
    aws("wait published-version-active --function-name cli --qualifier 2")
    listed = aws("list-versions-by-function --function-name cli")
    expect([version["Version"] for version in listed["Versions"]], ["$LATEST", "1", "2"], "versions")
    alias = aws("create-alias --function-name cli --name live --function-version 1")
    expect(alias["FunctionVersion"], "1", "the alias")
    aws("update-alias --function-name cli --name live --function-version 2 --routing-config AdditionalVersionWeights={1=0.5}")
    found = aws("get-alias --function-name cli --name live")
    expect(found["RoutingConfig"], {"AdditionalVersionWeights": {"1": 0.5}}, "the routing")
    expect(len(aws("list-aliases --function-name cli")["Aliases"]), 1, "aliases")
    expect(invoke("--qualifier live"), "two", "the alias's code")


def permissions():
    statement = "--function-name cli --statement-id bucket"
    added = aws(
        f"add-permission {statement} --action lambda:InvokeFunction --principal s3.amazonaws.com "
        "--source-arn arn:aws:s3:::bucket --source-account 000000000000"
    )
    if not isinstance(added, Nothing):
        expect(json.loads(added["Statement"])["Sid"], "bucket", "the statement")
    refused(f"add-permission {statement} --action lambda:InvokeFunction --principal s3.amazonaws.com", "ResourceConflictException")
    policy = aws("get-policy --function-name cli")["Policy"]
    if not isinstance(policy, Nothing):
        expect([statement["Sid"] for statement in json.loads(policy)["Statement"]], ["bucket"], "the policy")
    aws(f"remove-permission {statement}")
    refused("get-policy --function-name cli", "ResourceNotFoundException")


def urls():
    created = aws("create-function-url-config --function-name cli --auth-type NONE --cors AllowOrigins=*,MaxAge=60")
    expect(created["AuthType"], "NONE", "the URL's authentication")
    aws("update-function-url-config --function-name cli --invoke-mode RESPONSE_STREAM")
    found = aws("get-function-url-config --function-name cli")
    expect(found["InvokeMode"], "RESPONSE_STREAM", "the invoke mode")
    expect(found["FunctionUrl"], created["FunctionUrl"], "the URL after an update")
    expect(len(aws("list-function-url-configs --function-name cli")["FunctionUrlConfigs"]), 1, "URLs")
    aws("delete-function-url-config --function-name cli")


def layers():
    content = package("layer.zip", "layer")
    first = aws(f"publish-layer-version --layer-name pantry --zip-file {content} --compatible-runtimes python3.11")
    expect(first["Version"], 1, "the layer's version")
    expect(len(aws("list-layers")["Layers"]), 1, "layers")
    expect(len(aws("list-layer-versions --layer-name pantry")["LayerVersions"]), 1, "versions of the layer")
    aws("get-layer-version --layer-name pantry --version-number 1")
    aws(f"get-layer-version-by-arn --arn {shlex.quote(str(first['LayerVersionArn']))}")
    aws(
        "add-layer-version-permission --layer-name pantry --version-number 1 --statement-id all "
        "--action lambda:GetLayerVersion --principal '*'"
    )
    aws("get-layer-version-policy --layer-name pantry --version-number 1")
    aws("remove-layer-version-permission --layer-name pantry --version-number 1 --statement-id all")
    used = aws(f"update-function-configuration --function-name cli --layers {shlex.quote(str(first['LayerVersionArn']))}")
    aws("wait function-updated-v2 --function-name cli")
    expect(len(used["Layers"]) if "Layers" in used else Nothing(), 1, "layers of the function")
    aws("update-function-configuration --function-name cli --layers")
    aws("wait function-updated-v2 --function-name cli")
    aws("delete-layer-version --layer-name pantry --version-number 1")


def tags(arn):
    aws(f"tag-resource --resource {arn} --tags shelf=top,jar=blue")
    expect(aws(f"list-tags --resource {arn}")["Tags"], {"team": "pantry", "shelf": "top", "jar": "blue"}, "tags")
    aws(f"untag-resource --resource {arn} --tag-keys team jar")
    expect(aws(f"list-tags --resource {arn}")["Tags"], {"shelf": "top"}, "tags that are left")


def concurrency():
    aws("put-function-concurrency --function-name cli --reserved-concurrent-executions 5")
    found = aws("get-function-concurrency --function-name cli")
    expect(found["ReservedConcurrentExecutions"], 5, "reserved concurrency")
    aws("put-provisioned-concurrency-config --function-name cli --qualifier 2 --provisioned-concurrent-executions 1")
    found = aws("get-provisioned-concurrency-config --function-name cli --qualifier 2")
    expect(found["RequestedProvisionedConcurrentExecutions"], 1, "provisioned concurrency")
    listed = aws("list-provisioned-concurrency-configs --function-name cli")
    expect(len(listed["ProvisionedConcurrencyConfigs"]), 1, "provisioned concurrency configurations")
    aws("delete-provisioned-concurrency-config --function-name cli --qualifier 2")
    aws("delete-function-concurrency --function-name cli")
    aws("get-account-settings")


def event_invoke():
    aws("put-function-event-invoke-config --function-name cli --maximum-retry-attempts 1 --maximum-event-age-in-seconds 600")
    aws("update-function-event-invoke-config --function-name cli --maximum-retry-attempts 0")
    found = aws("get-function-event-invoke-config --function-name cli")
    expect((found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]), (0, 600), "the event-invoke configuration")
    listed = aws("list-function-event-invoke-configs --function-name cli")
    expect(len(listed["FunctionEventInvokeConfigs"]), 1, "event-invoke configurations")
    aws("delete-function-event-invoke-config --function-name cli")


def event_sources():
    created = aws(f"create-event-source-mapping --function-name cli --event-source-arn {QUEUE} --batch-size 5")
    uuid = created["UUID"]
    settled(uuid)
    expect(len(aws("list-event-source-mappings --function-name cli")["EventSourceMappings"]), 1, "event source mappings")
    aws(f"update-event-source-mapping --uuid {uuid} --batch-size 7 --no-enabled")
    settled(uuid)
    expect(aws(f"get-event-source-mapping --uuid {uuid}")["BatchSize"], 7, "the batch size")
    aws(f"delete-event-source-mapping --uuid {uuid}")


def settled(uuid):
    """Waits for an event source mapping, as the CLI has no waiter for it."""
    for _ in range(100):
        if aws(f"get-event-source-mapping --uuid {uuid}")["State"] in ("Enabled", "Disabled"):
            return
        time.sleep(0.1)
    failures.append(f"the event source mapping {uuid} does not settle")


def end():
    aws("delete-alias --function-name cli --name live")
    aws("delete-function --function-name cli --qualifier 1")
    aws("delete-function --function-name cli")
    refused("get-function --function-name cli", "ResourceNotFoundException")
    expect(aws("list-functions")["Functions"], [], "functions at the end")


url, runtime = sys.argv[1:]
for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1", "MAX_ATTEMPTS": "1"}.items():
    os.environ[f"AWS_{name}"] = value
driver = awscli.clidriver.create_clidriver()
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    arn = functions(runtime)
    versions()
    permissions()
    urls()
    layers()
    tags(arn)
    concurrency()
    event_invoke()
    event_sources()
    end()
print("\n".join(failures) or "the AWS CLI: all as expected")
sys.exit(1 if failures else 0)
