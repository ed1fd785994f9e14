"use strict";
// Response streaming: a handler's writes become the chunks of one request.

const { Writable } = require("node:stream");
const { errors } = require("./errors.cjs");

const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY = "Lambda-Runtime-Function-Error-Body";

class ResponseStream extends Writable {
  #api;
  #path;
  #contentType = "application/octet-stream";
  #begun = false;
  #over = false;

  constructor(api, path, highWaterMark) {
    super({ highWaterMark });
    this.#api = api;
    this.#path = path;
  }

  setContentType(type) {
    if (this.#begun) {
      throw new errors.InvalidStreamingOperation("Cannot set content-type, too late.");
    }
    this.#contentType = type;
  }

  write(chunk, ...rest) {
    const plain = typeof chunk === "string" || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), ...rest);
  }

  _write(chunk, _encoding, done) {
    this.#begin();
    this.#chunk(chunk, done);
  }

  _final(done) {
    this.#finish("").then(() => done(), done);
  }

  // Ends the response with an error in its trailers, after whatever was written.
  async fail(report) {
    const body = Buffer.from(JSON.stringify(report)).toString("base64");
    await this.#finish(`${ERROR_TYPE}: ${report.errorType}\r\n${ERROR_BODY}: ${body}\r\n`);
    this.destroy();
  }

  #begin() {
    if (this.#begun) {
      return;
    }
    this.#begun = true;
    const head = this.#api.head("POST", this.#path, {
      "Content-Type": this.#contentType,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      Trailer: `${ERROR_TYPE}, ${ERROR_BODY}`,
      "Transfer-Encoding": "chunked",
    });
    this.#api.send(head);
    this._onBeforeFirstWrite?.((chunk) => this.#chunk(Buffer.from(chunk)));
  }

  #chunk(bytes, done) {
    if (bytes.length === 0) {
      // An empty chunk would end the response.
      done?.();
      return;
    }
    const head = Buffer.from(`${bytes.length.toString(16)}\r\n`);
    this.#api.send(Buffer.concat([head, bytes, Buffer.from("\r\n")]), done);
  }

  async #finish(trailers) {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.#begin();
    this.#api.send(`0\r\n${trailers}\r\n`);
    await this.#api.answer();
  }
}

// Gives a streamed HTTP response its status and headers: JSON before the body, then eight zeros.
const HttpResponseStream = {
  from(stream, prelude) {
    stream.setContentType("application/vnd.awslambda.http-integration-response");
    stream._onBeforeFirstWrite = (write) => {
      write(JSON.stringify(prelude));
      write(new Uint8Array(8));
    };
    return stream;
  },
};

module.exports = { HttpResponseStream, ResponseStream };
