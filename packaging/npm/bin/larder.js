#!/usr/bin/env node
// Runs the program that the package of this platform carries. npm installs that one of our optional dependencies which fits.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");

// Those that end a program. A terminal sends its own to both; the second one of a kind changes nothing for the server.
const SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"];

const name = `@larder/${process.platform}-${process.arch}`;

function findProgram() {
  try {
    return require.resolve(`${name}/bin/larder`);
  } catch {
    console.error(`larder: the package ${name} is not installed. Larder runs on Linux, x64 and arm64; elsewhere it has none.`);
    console.error("If this is such a machine, install again without --omit=optional.");
    process.exit(1);
  }
}

const child = spawn(findProgram(), process.argv.slice(2), { stdio: "inherit" });

for (const signal of SIGNALS) {
  process.on(signal, () => child.kill(signal));
}

child.on("error", (error) => {
  console.error(`larder: ${error.message}`);
  process.exit(1);
});

// Ends as the program did; a shell's way of telling a signal is 128 and its number.
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
