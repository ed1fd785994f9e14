"use strict";
// Waits for a function, in an environment that was made before it was known: its variables come from standard input,
// which is then as empty as ever.

const fs = require("node:fs");
const net = require("node:net");
const { once } = require("node:events");

// What a Runtime API of one event answers, for a rehearsal.
const EVENT = JSON.stringify({ rehearsal: true });
const ANSWERS = {
  GET: `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: rehearsal\r\nLambda-Runtime-Deadline-Ms: 0\r\nLambda-Runtime-Trace-Id: Root=1\r\nContent-Length: ${EVENT.length}\r\n\r\n${EVENT}`,
  POST: "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
};

// How long a rehearsal may take, in milliseconds: usually it is some twenty.
const LIMIT = 1000;

// Has the client do once what an invocation will have it do: V8 compiles a function at its first call, and a first
// connection and the first `import()` load what they leave for then. It is two fifths of what the first would wait for.
// One that fails makes the first invocation slower, no more.
async function rehearse(serveOneOf) {
  // In the environment's own /tmp, where nobody else comes in: its loopback device may be shared with others.
  const folder = fs.mkdtempSync("/tmp/rehearsal-");
  const place = `${folder}/api`;
  const accepted = [];
  const server = net.createServer((socket) => {
    accepted.push(socket);
    socket.on("error", () => {});
    socket.on("data", (request) => socket.write(ANSWERS[request.toString("latin1").split(" ")[0]] ?? ""));
  });
  try {
    server.listen(place);
    await once(server, "listening");
    await import("data:text/javascript,");
    await within(LIMIT, serveOneOf(place));
  } finally {
    accepted.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve)); // It removes the socket's file.
    fs.rmdirSync(folder);
    await new Promise((resolve) => setTimeout(resolve, 1)); // What was closed is told to the event loop at its next turn.
  }
}

function within(milliseconds, work) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("it takes too long")), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

// Takes over the variables. Those that stay the same are left alone, as a new TZ has all that knows the time ask again.
function takeVariables(variables) {
  for (const name of Object.keys(process.env)) {
    if (!(name in variables)) {
      delete process.env[name];
    }
  }
  for (const [name, value] of Object.entries(variables)) {
    if (process.env[name] !== value) {
      process.env[name] = value;
    }
  }
}

async function standBy(serveOneOf) {
  if (process.env._LARDER_STANDS_BY === undefined) {
    return;
  }
  // What closes a socket asks whether it is this one, which opens it: nothing is to be open that the function did not ask for.
  const stderr = Object.getOwnPropertyDescriptor(process, "stderr");
  Object.defineProperty(process, "stderr", { value: null, configurable: true });
  await rehearse(serveOneOf).catch(() => {});
  Object.defineProperty(process, "stderr", stderr);

  const text = fs.readFileSync(0, "utf8");
  if (text === "") {
    process.exit(0); // The environment ends without one.
  }
  fs.closeSync(0);
  fs.openSync("/dev/null", "r");
  takeVariables(JSON.parse(text));
}

module.exports = { standBy };
