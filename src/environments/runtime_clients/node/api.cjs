"use strict";
// HTTP/1.1 to the Runtime API over one connection that stays open: a few lines over `net`, since
// loading Node's own HTTP client costs more than all of this.

const net = require("node:net");

const BASE = "/2018-06-01/runtime/";

class Api {
  constructor(address) {
    this.address = address;
    const colon = address.lastIndexOf(":");
    this.target = address.startsWith("/")
      ? { path: address }
      : { host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true };
    this.socket = undefined;
    this.waiting = undefined;
    this.received = [];
    this.needed = 0;
  }

  get(path) {
    return this.exchange(this.head("GET", path, { "Content-Length": 0 }));
  }

  post(path, body, headers) {
    const head = this.head("POST", path, { ...headers, "Content-Length": Buffer.byteLength(body) });
    return this.exchange(head + body);
  }

  head(method, path, headers) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${BASE}${path} HTTP/1.1\r\nHost: ${this.address}\r\n${lines.join("")}\r\n`;
  }

  // Sends a whole request; a connection that was closed while idle is opened again.
  async exchange(message) {
    const reused = this.socket !== undefined;
    try {
      this.send(message);
      return await this.answer();
    } catch (error) {
      if (!reused) {
        throw error;
      }
      this.send(message);
      return this.answer();
    }
  }

  send(bytes, done) {
    this.connect();
    this.socket.write(bytes, done);
  }

  // The next response. Only while one is awaited does the connection keep the process alive: an
  // empty event loop tells that a handler has ended.
  answer() {
    this.connect();
    this.socket.ref();
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.take();
    });
  }

  connect() {
    if (this.socket !== undefined) {
      return;
    }
    const socket = net.connect(this.target);
    const lost = (error) => {
      if (this.socket === socket) {
        this.socket = undefined;
        this.received = [];
        this.needed = 0;
        this.settle("reject", error || new Error("the Runtime API closed the connection"));
      }
    };
    socket.on("data", (data) => {
      this.received.push(data);
      this.take();
    });
    socket.on("error", lost);
    socket.on("close", () => lost());
    socket.unref();
    this.socket = socket;
  }

  close() {
    this.socket?.destroy();
    this.socket = undefined;
  }

  settle(how, value) {
    const waiting = this.waiting;
    this.waiting = undefined;
    waiting?.[how](value);
  }

  // Takes a whole response off what was received, if it is all there.
  take() {
    const size = this.received.reduce((sum, part) => sum + part.length, 0);
    if (this.waiting === undefined || size === 0 || size < this.needed) {
      return;
    }
    const bytes = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
    this.received = [bytes];
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      return;
    }
    const [status, ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
    const headers = Object.fromEntries(lines.map(parseLine));
    const body = takeBody(headers, bytes.subarray(end + 4));
    this.needed = body.needed === undefined ? 0 : end + 4 + body.needed;
    if (body.needed === undefined) {
      this.received = body.rest.length > 0 ? [body.rest] : [];
      this.socket?.unref();
      this.settle("resolve", { status: Number(status.split(" ")[1]), headers, body: body.text });
    }
  }
}

function parseLine(line) {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

// The body and what follows it, or how many bytes are needed at least.
function takeBody(headers, bytes) {
  if (headers["transfer-encoding"]?.toLowerCase() === "chunked") {
    return takeChunks(bytes);
  }
  const length = Number(headers["content-length"] || 0);
  if (bytes.length < length) {
    return { needed: length };
  }
  return { text: bytes.toString("utf8", 0, length), rest: bytes.subarray(length) };
}

function takeChunks(bytes) {
  const parts = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    const size = line < 0 ? 0 : parseInt(bytes.toString("latin1", at, line), 16);
    const end = line + 2 + size + 2;
    if (line < 0 || bytes.length < end) {
      return { needed: bytes.length + 1 };
    }
    if (size === 0) {
      return { text: Buffer.concat(parts).toString("utf8"), rest: bytes.subarray(end) };
    }
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = end;
  }
}

module.exports = { Api };
