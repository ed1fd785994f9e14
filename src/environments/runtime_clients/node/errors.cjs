"use strict";
// The Runtime's own errors, and how any error is reported.

const { types } = require("node:util");

const errors = {};
for (const name of [
  "CallbackHandlerDeprecated",
  "HandlerNotFound",
  "ImportModuleError",
  "InvalidStreamingOperation",
  "MalformedHandlerName",
  "MalformedStreamingHandler",
  "UserCodeSyntaxError",
]) {
  errors[name] = { [name]: class extends Error {} }[name];
  errors[name].prototype.name = `Runtime.${name}`;
}

class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}
UnhandledPromiseRejection.prototype.name = "Runtime.UnhandledPromiseRejection";

function isError(value) {
  const texts = [value?.name, value?.message, value?.stack];
  return types.isNativeError(value) || texts.every((text) => text && typeof text === "string");
}

// The body of an error report.
function toReport(error) {
  try {
    if (isError(error)) {
      const clean = (text) => text?.replace(/\x7f/g, "%7F");
      return {
        errorType: clean(error.name),
        errorMessage: clean(error.message),
        trace: clean(error.stack).split("\n"),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
    };
  }
}

module.exports = { errors, toReport, UnhandledPromiseRejection };
