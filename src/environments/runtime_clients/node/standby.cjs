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

// Has the client do once what an invocation will have it do: V8 compiles a function at its first call, and a first
// connection and the first `import()` load what they leave for then. It is half of what the first invocation would wait for.
async function rehearse(serveOneOf) {
  const server = net.createServer((socket) => {
    socket.on("data", (request) => socket.write(ANSWERS[request.toString("latin1").split(" ")[0]]));
  });
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await import("data:text/javascript,");
    await serveOneOf(`127.0.0.1:${server.address().port}`);
  } catch {
    // One that fails makes the first invocation slower, no more.
  } finally {
    server.close();
  }
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
  process.env.TZ = ":UTC"; // Every function's, unless it says otherwise.
  new Date().toString();
  await rehearse(serveOneOf);

  const text = fs.readFileSync(0, "utf8");
  if (text === "") {
    process.exit(0); // The environment ends without one.
  }
  fs.closeSync(0);
  fs.openSync("/dev/null", "r");
  takeVariables(JSON.parse(text));
}

module.exports = { standBy };
