"use strict";
// The console as AWS's runtime changes it: one line an entry, with time, request id and level, as
// text or JSON. Line breaks inside an entry become carriage returns, so that it stays one entry.

const { format } = require("node:util");
const { toReport } = require("./errors.cjs");

// Asked when it is needed: a client that stands by has its function's variables only then.
let jsonFormat = false;
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

let requestId;

function setRequestId(id) {
  requestId = id;
}

function write(level, values) {
  const time = new Date().toISOString();
  const line = jsonFormat
    ? jsonLine(time, level, values)
    : `${time}\t${requestId}\t${level}\t${format(...values)}`;
  process.stdout.write(line.replace(/\n/g, "\r") + "\n");
}

function jsonLine(timestamp, level, values) {
  const entry = { timestamp, level, requestId };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...entry, message: values[0] }, (_key, value) =>
        value instanceof Error ? { ...describe(value), ...value } : value,
      );
    } catch {
      return JSON.stringify({ ...entry, message: format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify({ ...entry, message: format(...values), ...(error && describe(error)) });
}

function describe(error) {
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  };
}

function patchConsole() {
  jsonFormat = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
  const wanted = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase());
  const method = (level) =>
    LEVELS.indexOf(level) >= wanted ? (...values) => write(level, values) : () => {};
  for (const level of LEVELS.slice(0, -1)) {
    console[level.toLowerCase()] = method(level);
  }
  console.log = console.info;
  console.fatal = (...values) => write("FATAL", values);
}

// Logs an error that ends an invocation or the process.
function error(title, thrown) {
  const value = thrown instanceof Error ? thrown : new Error(thrown);
  if (jsonFormat) {
    console.error(value);
    return;
  }
  let text;
  try {
    text = JSON.stringify(value, (_key, item) => (item instanceof Error ? withFields(item) : item));
  } catch {
    text = JSON.stringify(toReport(value));
  }
  console.error(title, `\t${text}`);
}

function withFields(item) {
  const fields = { errorType: item.name, errorMessage: item.message, code: item.code, ...item };
  return typeof item.stack === "string" ? { ...fields, stack: item.stack.split("\n") } : fields;
}

module.exports = { error, patchConsole, setRequestId };
