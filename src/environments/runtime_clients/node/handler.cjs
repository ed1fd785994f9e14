"use strict";
// Finds the function's handler: the same places in the same order as on AWS.

const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { pathToFileURL } = require("node:url");
const { errors } = require("./errors.cjs");
const { enable: enableNodePath } = require("./node_path.cjs");

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");

// By AWS's name, which appears in the "Require stack" of messages.
const requireFrom = createRequire("/var/runtime/index.mjs");

function split(text) {
  if (text.includes("..")) {
    throw new errors.MalformedHandlerName(
      `'${text}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const name = path.basename(text);
  const dot = name.indexOf(".");
  if (dot < 0) {
    throw new errors.MalformedHandlerName("Bad handler");
  }
  return { folder: text.slice(0, text.indexOf(name)), module: name.slice(0, dot), property: name.slice(dot + 1) };
}

// Whether the nearest package.json makes .js files ES modules.
function inModulePackage(folder) {
  for (;;) {
    if (folder.endsWith("/node_modules")) {
      return false;
    }
    const file = path.join(folder, "package.json");
    if (fs.existsSync(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, "utf8"))?.type === "module";
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (folder === "/") {
      return false;
    }
    folder = path.dirname(folder);
  }
}

async function loadModule(root, folder, name) {
  const base = path.resolve(root, folder, name);
  const asModule = (file) => import(pathToFileURL(file));
  const js = fs.existsSync(`${base}.js`) && inModulePackage(path.dirname(base)) ? asModule : requireFrom;
  const places = [
    [base, requireFrom],
    [`${base}.js`, js],
    [`${base}.mjs`, asModule],
    [`${base}.cjs`, requireFrom],
  ];
  for (const [file, how] of places) {
    if (fs.existsSync(file)) {
      const loaded = await how(file);
      if (loaded) {
        return loaded;
      }
    }
  }
  return requireFrom(requireFrom.resolve(name, { paths: [root, folder] }));
}

function setGlobals() {
  if (/^(1|true)$/.test(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA || "")) {
    return;
  }
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = "response";
      if (typeof options?.highWaterMark === "number") {
        handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      }
      return handler;
    },
    get HttpResponseStream() {
      return require("./streaming.cjs").HttpResponseStream;
    },
  };
}

async function load(root, text) {
  const { folder, module, property } = split(text);
  setGlobals();
  enableNodePath();
  let loaded;
  try {
    loaded = await loadModule(root, folder, module);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new errors.UserCodeSyntaxError(error);
    }
    if (error?.code === "MODULE_NOT_FOUND") {
      throw new errors.ImportModuleError(error);
    }
    throw error;
  }
  const handler = property.split(".").reduce((object, key) => object && object[key], loaded);
  if (!handler) {
    throw new errors.HandlerNotFound(`${text} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new errors.HandlerNotFound(`${text} is not a function`);
  }
  return handler;
}

function isStreaming(handler) {
  const mark = handler[STREAMING];
  if (mark === undefined || mark === null || mark === false) {
    return false;
  }
  if (mark !== "response") {
    throw new errors.MalformedStreamingHandler("Only response streaming is supported.");
  }
  return true;
}

function highWaterMark(handler) {
  return handler[HIGH_WATER_MARK] || undefined;
}

module.exports = { load, isStreaming, highWaterMark };
