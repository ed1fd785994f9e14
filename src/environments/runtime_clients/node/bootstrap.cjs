"use strict";
// Larder's Runtime API client for Node.js: asks for events, calls the handler, answers.
//
// Its own work, written to behave as AWS's client does towards the handler. CommonJS, because Node
// starts such a file some 10 ms sooner than an ES module; functions may be either.

const { once } = require("node:events");
const { Api } = require("./api.cjs");
const log = require("./log.cjs");
const { errors, toReport, UnhandledPromiseRejection } = require("./errors.cjs");
const { load, isStreaming, highWaterMark } = require("./handler.cjs");
const { ResponseStream } = require("./streaming.cjs");
const { standBy } = require("./standby.cjs");

const env = process.env;

// From Node.js 24 on, AWS has no callbacks and no context.succeed, fail and done.
let modern = false;

let api;

// The id of the invocation that errors belong to; undefined while the function loads.
let current;

// What to do when the event loop runs empty: a handler that waits for nothing more has ended.
let onEmpty = () => {};

async function postError(error) {
  const report = toReport(error);
  const path = current === undefined ? "init/error" : `invocation/${encodeURIComponent(current)}/error`;
  await api.post(path, JSON.stringify(report), {
    "Content-Type": "application/json",
    "Lambda-Runtime-Function-Error-Type": String(report.errorType).replace(/[^\x20-\x7e]/g, "?"),
  });
}

async function postResponse(id, result) {
  let body;
  try {
    body = JSON.stringify(result === undefined ? null : result);
  } catch {
    throw new Error("Unable to stringify response body");
  }
  const path = `invocation/${encodeURIComponent(id)}/response`;
  await api.post(path, body ?? "null", { "Content-Type": "application/json" });
}

// An error that no handler catches ends the process, once it is reported.
function fatal(title, error, status) {
  log.error(title, error);
  postError(error).then(
    () => process.exit(status),
    () => process.exit(status),
  );
}

function parseHeader(headers, name, title) {
  const value = headers[name];
  if (value === undefined) {
    return undefined;
  }
  try {
    // Headers are read byte by byte.
    return JSON.parse(Buffer.from(value, "latin1").toString("utf8"));
  } catch (error) {
    throw new Error(`Cannot parse ${title} as json: ${error}`);
  }
}

function addInvocation(context, headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return Object.assign(context, {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers, "lambda-runtime-client-context", "ClientContext"),
    identity: parseHeader(headers, "lambda-runtime-cognito-identity", "CognitoIdentity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });
}

// The context's part that ends the invocation; `finish` takes what happens last, once.
function endings(finish) {
  let waits = true;
  const fail = (error) => finish(() => Promise.reject(error ?? "handled"));
  const succeed = (result) => finish(() => Promise.resolve(result));
  const isError = (error) => error !== undefined && error !== null;
  const callback = (error, result) => {
    if (isError(error)) {
      fail(error);
    } else if (waits) {
      onEmpty = () => succeed(result);
    } else {
      succeed(result);
    }
  };
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waits;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value;
    },
    succeed,
    fail,
    done: (error, result) => (isError(error) ? fail(error) : succeed(result)),
  };
  return [callback, context];
}

// Runs a handler of the classic kind; gives its result when the first of these comes: its promise,
// a callback, a call of the context, an empty event loop.
function call(handler, event, headers) {
  return new Promise((resolve) => {
    const finish = (outcome) => {
      onEmpty = () => {};
      resolve(outcome());
    };
    const [callback, context] = endings(finish);
    onEmpty = () => context.succeed(null);
    try {
      const result = handler(JSON.parse(event), addInvocation(context, headers), callback);
      if (typeof result?.then === "function") {
        result.then(context.succeed, context.fail);
      }
    } catch (error) {
      context.fail(error);
    }
  });
}

async function callModern(handler, event, headers) {
  const stuck = new Promise((resolve) => {
    onEmpty = () => resolve(null);
  });
  const context = addInvocation({}, headers);
  const answer = (async () => handler(JSON.parse(event), context))();
  return Promise.race([answer, stuck]);
}

async function callStreaming(handler, event, headers, id) {
  const path = `invocation/${encodeURIComponent(id)}/response`;
  const stream = new ResponseStream(api, path, highWaterMark(handler));
  try {
    const context = addInvocation({ callbackWaitsForEmptyEventLoop: true }, headers);
    const result = handler(JSON.parse(event), stream, context);
    if (typeof result?.then !== "function") {
      throw "Streaming does not support non-async handlers.";
    }
    if ((await result) !== undefined) {
      console.warn("Streaming handlers ignore return values.");
    }
    if (!stream.writableEnded) {
      throw "Response stream is not finished.";
    }
    if (!stream.writableFinished) {
      await once(stream, "finish");
    }
  } catch (error) {
    log.error("Invoke Error", error);
    await stream.fail(toReport(error));
  }
}

async function serveOne(handler, streaming) {
  const { status, headers, body } = await api.get("invocation/next");
  if (status !== 200) {
    throw new Error(`the Runtime API answered ${status} to /next`);
  }
  current = headers["lambda-runtime-aws-request-id"];
  log.setRequestId(current);
  const trace = headers["lambda-runtime-trace-id"];
  if (trace) {
    env._X_AMZN_TRACE_ID = trace;
  } else {
    delete env._X_AMZN_TRACE_ID;
  }
  if (streaming) {
    return callStreaming(handler, body, headers, current);
  }
  try {
    const result = await (modern ? callModern : call)(handler, body, headers);
    await postResponse(current, result);
  } catch (error) {
    log.error("Invoke Error", error);
    await postError(error);
  }
}

// Has the next event come from the Runtime API at an address, as if none had come before.
function begin(address) {
  modern = Number(/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV || "")?.[1] || 0) >= 24;
  api?.close();
  api = new Api(address);
  current = undefined;
  log.setRequestId(undefined);
}

async function main() {
  // All that it needs has been loaded.
  await standBy((address) => {
    begin(address);
    return serveOne(async (event) => event, false).finally(() => api.close());
  });
  begin(env.AWS_LAMBDA_RUNTIME_API);
  log.patchConsole();
  process.on("beforeExit", () => onEmpty());
  process.on("uncaughtException", (error) => fatal("Uncaught Exception", error, 129));
  process.on("unhandledRejection", (reason, promise) => {
    fatal("Unhandled Promise Rejection", new UnhandledPromiseRejection(reason, promise), 128);
  });
  let handler, streaming;
  try {
    handler = await load(env.LAMBDA_TASK_ROOT || "/var/task", env._HANDLER);
    streaming = isStreaming(handler);
    if (modern && !streaming && handler.length > 2) {
      throw new errors.CallbackHandlerDeprecated(
        "Node.js 24 and later on AWS Lambda support no callback-based handlers. Make the handler async.",
      );
    }
  } catch (error) {
    fatal("Uncaught Exception", error, 129);
    return;
  }
  for (;;) {
    await serveOne(handler, streaming);
    onEmpty = () => {};
  }
}

main();
