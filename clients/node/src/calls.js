// Calls of a server's own endpoints, /_larder/….

/** Larder is not to be had, or does not do what it was asked to. */
export class LarderError extends Error {
  name = 'LarderError';
}

/** Calls of one server, as its owner. */
export class Calls {
  /**
   * @param {string} endpoint
   * @param {string} token
   */
  constructor(endpoint, token) {
    this.endpoint = endpoint;
    this.token = token;
  }

  /** The answer to a question. */
  async get(path, query = {}) {
    return (await this.#send('GET', path, { query })).json();
  }

  /** The answer to what changes something: `body` is JSON, or the bytes of a file. */
  async post(path, { body = {}, query = {} } = {}) {
    return (await this.#send('POST', path, { body, query })).json();
  }

  /** The same, as bytes. */
  async bytes(path, body) {
    return Buffer.from(await (await this.#send('POST', path, { body })).arrayBuffer());
  }

  async #send(method, path, { body, query = {} }) {
    const url = new URL(path, this.endpoint);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    // The second header tells it from what a web page can send.
    const headers = { authorization: `Bearer ${this.token}`, 'x-larder-request': '1' };
    const isFile = body instanceof Uint8Array;
    if (body !== undefined) headers['content-type'] = isFile ? 'application/zstd' : 'application/json';

    let answer;
    try {
      answer = await fetch(url, { method, headers, body: isFile ? body : JSON.stringify(body) });
    } catch (error) {
      throw new LarderError(`larder does not answer at ${this.endpoint}: ${error.cause?.message ?? error.message}`);
    }
    if (!answer.ok) throw new LarderError(`larder: ${await reason(answer)}`);
    return answer;
  }
}

async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return `${answer.status} ${text}`;
  }
}
