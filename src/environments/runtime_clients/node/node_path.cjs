"use strict";
// Has ES modules found by NODE_PATH as well, as on AWS from Node.js 18 on; Node itself looks there for require only.
// Hooks cost a start some milliseconds, so they are set only where a layer, or the user, has a folder there.

const { existsSync } = require("node:fs");
const nodeModule = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

// A name of a package: no path, no URL, no import of the package itself.
const BARE = /^(?![./#])(?![a-z][a-z0-9+.-]+:)/i;

function folders() {
  return (process.env.NODE_PATH || "").split(":").filter((folder) => path.isAbsolute(folder));
}

// Where a specifier that Node has not found could lie: modules that would import it from there.
function parents(specifier, error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || !BARE.test(specifier)) {
    return [];
  }
  const named = folders().filter((folder) => path.basename(folder) === "node_modules");
  return named.map((folder) => pathToFileURL(path.join(path.dirname(folder), "_.mjs")).href);
}

// What require finds, which also looks into folders of another name.
function required(specifier) {
  const found = nodeModule.createRequire("/var/task/_.mjs").resolve(specifier);
  return { url: pathToFileURL(found).href, shortCircuit: true };
}

// The hook, for Node's two kinds: one answers at once, the other by a promise.
function resolveSync(specifier, context, next) {
  try {
    return next(specifier, context);
  } catch (error) {
    const places = parents(specifier, error);
    for (const parentURL of places) {
      try {
        return next(specifier, { ...context, parentURL });
      } catch {
        // The next folder.
      }
    }
    try {
      return places.length > 0 ? required(specifier) : fail(error);
    } catch {
      throw error;
    }
  }
}

async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    const places = parents(specifier, error);
    for (const parentURL of places) {
      try {
        return await next(specifier, { ...context, parentURL });
      } catch {
        // The next folder.
      }
    }
    try {
      return places.length > 0 ? required(specifier) : fail(error);
    } catch {
      throw error;
    }
  }
}

function fail(error) {
  throw error;
}

function enable() {
  const own = (folder) => folder === "/var/task" || folder.startsWith("/var/runtime");
  const version = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV || "")?.[1] || 0);
  if (version < 18 || !folders().some((folder) => !own(folder) && existsSync(folder))) {
    return;
  }
  if (nodeModule.registerHooks) {
    nodeModule.registerHooks({ resolve: resolveSync });
  } else {
    // Before Node.js 22.15 hooks run in a thread of their own, and before 18.19 there are none.
    nodeModule.register?.(pathToFileURL(path.join(__dirname, "node_path.mjs")));
  }
}

module.exports = { enable, resolve };
