"""Calls every operation of AWS's model of Lambda, well and badly, and judges every answer:

    python tests/python/sweep URL [OPERATION...]

botocore's model says which operations there are, makes the requests, and says what an answer may be. The server should
be a fresh one that can run python3.11 functions. The same seed makes the same calls. It ends with 1 and a report of
what is wrong, else with one line.
"""

import collections
import copy
import json
import sys
import time
import urllib.request

import attacks
import judge
from known import MADE, MEANINGS, NAMES, NEEDED, Known
from values import Values
from wire import Dropped, Server, plain, service

SEED = 20260101
REPORTED = 40

# Operations of which no call here succeeds: why.
NO_DURABLE_EXECUTION = "durable executions are not run yet, so that there is none"
NEVER_SUCCEEDS = {
    "CheckpointDurableExecution": NO_DURABLE_EXECUTION,
    "DeleteDurableExecution": NO_DURABLE_EXECUTION,
    "GetDurableExecution": NO_DURABLE_EXECUTION,
    "GetDurableExecutionHistory": NO_DURABLE_EXECUTION,
    "GetDurableExecutionState": NO_DURABLE_EXECUTION,
    "PauseDurableExecution": NO_DURABLE_EXECUTION,
    "ResumeDurableExecution": NO_DURABLE_EXECUTION,
    "SendDurableExecutionCallbackFailure": NO_DURABLE_EXECUTION,
    "SendDurableExecutionCallbackHeartbeat": NO_DURABLE_EXECUTION,
    "SendDurableExecutionCallbackSuccess": NO_DURABLE_EXECUTION,
    "StopDurableExecution": NO_DURABLE_EXECUTION,
}

# A broken constraint that gets another error than ValidationException: (operation or *, member): why.
OTHER_ERRORS = {
    ("*", "Runtime"): "an unknown runtime is told in AWS's own words, as InvalidParameterValueException",
}

# Removing is done last, so that the others find what they need.
REMOVING = ("Delete", "Remove", "Stop", "Untag")

# These are in use by others until those are gone.
USED = ("DeleteCapacityProvider", "DeleteCodeSigningConfig")


class Sweep:
    """All calls, and what was wrong with them."""

    def __init__(self, url):
        self.url = url
        self.server = Server(url)
        self.service = service()
        self.known = Known(self.server, self.service)
        self.wrong = []
        self.missing = set()
        self.succeeded = collections.Counter()
        self.refused = {}
        self.fresh = 0

    def run(self, wanted):
        names = sorted(self.service.operation_names, key=lambda name: (name.startswith(REMOVING), name in USED, name))
        self.known.make()
        for name in names:
            if not wanted or name in wanted:
                self.sweep(self.service.operation_model(name))
        self.judge_the_history()
        if not wanted:
            self.judge_the_whole(names)

    def sweep(self, operation):
        values = Values(SEED, {**MEANINGS, **self.known.names(operation.name)})
        shape = operation.input_shape
        simplest = self.server.request(operation, self.made(operation, with_needed(operation, values.minimal(shape))))
        answer = self.call(operation, simplest)
        if answer is not None and judge.is_unknown_operation(answer):
            self.missing.add(operation.name)
            return
        self.judge(operation, "simplest", simplest, answer)
        for what, params in self.valid(operation, values):
            self.ask(operation, what, params)
        for what, member, params in attacks.broken_constraints(values, operation):
            if ("*", member) in OTHER_ERRORS or (operation.name, member) in OTHER_ERRORS:
                self.ask(operation, what, params)
            else:
                self.ask(operation, what, params, lambda answer, member=member: judge.violation_problems(answer, member))
        self.send_other_types(operation, values)
        for what, request in attacks.hostile(operation, simplest):
            self.send(operation, what, request, judged=judge.unfit_for_any)

    def valid(self, operation, values):
        """Parameters that break no constraint, of what is there and of what is not."""
        shape = operation.input_shape
        yield "minimal", values.minimal(shape)
        yield "minimal, of nothing", unnamed(values.minimal(shape))
        yield "maximal", self.made(operation, values.maximal(shape))
        yield "maximal, of nothing", unnamed(values.maximal(shape))
        for seed in range(3):
            strange = Values(SEED + seed, {"ZipFile": MEANINGS["ZipFile"]})
            yield f"minimal, any names {seed}", strange.minimal(shape)
            yield f"maximal, any names {seed}", strange.maximal(shape)
        for target in attacks.targets(shape):
            if not target.required:
                params = with_needed(operation, values.value(shape, "", lambda member: member in target.path))
                yield f"with {target}", self.made(operation, params)

    def made(self, operation, params):
        """With a new name for what the call makes."""
        if operation.name not in MADE:
            return params
        member, beginning = MADE[operation.name]
        self.fresh += 1
        return {**params, member: f"{beginning}{self.fresh}"}

    def send_other_types(self, operation, values):
        for what, target, path, params, value in attacks.other_types(values, operation):
            request = attacks.with_body_value(self.server.request(operation, params), path, value)
            if request is None:
                continue
            if value is not None:
                judged = lambda answer, name=target.name: judge.type_problems(answer, name)
            elif target.required:
                judged = lambda answer, name=target.name: judge.violation_problems(answer, name)
            elif target.is_member:
                judged = judge.null_problems
            else:
                judged = None
            self.send(operation, what, request, judged)

    # ---- one call

    def ask(self, operation, what, params, judged=None):
        try:
            request = self.server.request(operation, params)
        except Exception as error:
            raise RuntimeError(f"botocore cannot send {operation.name}, {what}: {plain(params)}") from error
        self.send(operation, what, request, judged)

    def send(self, operation, what, request, judged=None):
        self.judge(operation, what, request, self.call(operation, request), judged)

    def judge(self, operation, what, request, answer, judged=None):
        if answer is None:
            return
        routed_elsewhere = judged is judge.unfit_for_any
        found = list(judged(answer)) if judged else []
        if routed_elsewhere:
            if answer.status == 500:
                found.append("a fault of the server")
        elif judge.is_unknown_operation(answer):
            found.append("no operation was found")
        else:
            found += judge.problems(self.server, operation, answer)
        for problem in dict.fromkeys(found):
            self.wrong.append((operation.name, what, problem, request, answer))
        if answer.status >= 400:
            self.refused[answer.header("x-amzn-requestid")] = (operation.name, what, request, answer)
        if answer.status < 300:
            self.succeeded[operation.name] += not routed_elsewhere
            if operation.name.startswith(REMOVING):
                self.known.make()
            elif operation.name.startswith("UpdateFunction"):
                self.known.wait()

    def call(self, operation, request):
        try:
            return self.server.send(request)
        except Dropped as error:
            self.wrong.append((operation.name, "", f"the connection was dropped: {error}", request, None))
            return None

    # ---- the end

    def judge_the_whole(self, names):
        for name in sorted(self.missing):
            self.wrong.append((name, "", "is missing", None, None))
        unsuccessful = {name for name in names if name not in self.missing and not self.succeeded[name]}
        for name in sorted(unsuccessful ^ set(NEVER_SUCCEEDS)):
            if name not in self.missing:
                told = "no call succeeded" if name in unsuccessful else "calls succeed: take it out of NEVER_SUCCEEDS"
                self.wrong.append((name, "", told, None, None))
        with urllib.request.urlopen(f"{self.url}/_larder/health", timeout=10) as health:
            if health.status != 200:
                self.wrong.append(("health", "", f"status {health.status}", None, None))

    def judge_the_history(self):
        """No call that was answered with an error left an event."""
        after = 1
        while after is not None:
            with urllib.request.urlopen(f"{self.url}/_larder/events?from={after}", timeout=10) as answer:
                page = json.load(answer)
            for event in page["events"]:
                if event["request_id"] in self.refused:
                    name, what, request, answer = self.refused[event["request_id"]]
                    self.wrong.append((name, what, f"an error, and yet an event: {json.dumps(event)[:200]}", request, answer))
            after = page["next"]

    def report(self):
        counts = collections.Counter((name, problem[:110]) for name, _, problem, _, _ in self.wrong)
        for name, what, problem, request, answer in self.wrong[:REPORTED]:
            print(f"{name} ({what}): {problem}\n    {request}\n    -> {answer}\n")
        print(f"{len(self.wrong)} answers are wrong, {len(counts)} kinds; the first {REPORTED} are above. All of them:")
        for (name, problem), count in sorted(counts.items()):
            print(f"  {count:4} x {name}: {problem}")


def with_needed(operation, params):
    """With what the operation needs besides, unless it is there."""
    def join(needed, given):
        both = {**needed, **given}
        for name in needed.keys() & given.keys():
            if isinstance(needed[name], dict):
                both[name] = join(needed[name], given[name])
        return both

    return join(copy.deepcopy(NEEDED.get(operation.name, {})), params)


def unnamed(params):
    """With names that nothing has."""
    return {name: f"nothing-{name}" if name in NAMES and isinstance(value, str) else value for name, value in params.items()}


def main(url, *wanted):
    began = time.monotonic()
    sweep = Sweep(url)
    sweep.run(wanted)
    seconds = time.monotonic() - began
    slowest, slow_request = sweep.server.slowest
    served = len(sweep.service.operation_names) - len(sweep.missing)
    if sweep.wrong:
        sweep.report()
    print(f"slowest call: {slowest:.2f} s {str(slow_request)[:120]}")
    verdict = f"{len(sweep.wrong)} wrong" if sweep.wrong else "all as expected"
    print(f"sweep: {served} operations, {sweep.server.calls} calls in {seconds:.1f} s: {verdict}")
    sys.exit(1 if sweep.wrong else 0)


main(*sys.argv[1:])
