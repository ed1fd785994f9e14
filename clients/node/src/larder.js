// What a test does with its server.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { Calls, LarderError } from './calls.js';
import { Server } from './server.js';

const REGION = 'us-east-1';

/** Any key will do; one of 12 digits would be an account. */
const KEY = 'test';

/** The mark at which a test began. */
const BEGIN = 'test-begins';

/** The server waits no longer in one call. */
const LONGEST_WAIT_MS = 60_000;

/** Letters of a file's name, which file systems limit to 255 bytes. */
const LONGEST_NAME = 150;

export async function startLarder({ program, executor, pod, failures } = {}) {
  const server = await Server.start({ program, executor });
  const larder = new Larder(server.endpoint, server.token, { server, failures });
  try {
    if (pod) await larder.loadPod(pod);
  } catch (error) {
    await larder.stop();
    throw error;
  }
  return larder;
}

export function connectLarder({ failures } = {}) {
  const { LARDER_ENDPOINT: endpoint, LARDER_TOKEN: token } = process.env;
  if (!endpoint || !token) {
    throw new LarderError('LARDER_ENDPOINT and LARDER_TOKEN say where the server is: both are in `larder.environment`');
  }
  return new Larder(endpoint, token, { failures });
}

export class Larder {
  #calls;
  #server;
  #failures;
  #since = Date.now();

  constructor(endpoint, token, { server, failures = '.larder-failures' } = {}) {
    this.endpoint = endpoint;
    this.#calls = new Calls(endpoint, token);
    this.#server = server;
    this.#failures = resolve(failures);
  }

  get environment() {
    return {
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_ACCESS_KEY_ID: KEY,
      AWS_SECRET_ACCESS_KEY: KEY,
      AWS_DEFAULT_REGION: REGION,
      AWS_REGION: REGION,
      LARDER_ENDPOINT: this.endpoint,
      LARDER_TOKEN: this.#calls.token,
    };
  }

  get clientConfig() {
    return { endpoint: this.endpoint, region: REGION, credentials: { accessKeyId: KEY, secretAccessKey: KEY } };
  }

  async mark(name) {
    return `mark:${(await this.#calls.post(`/_larder/marks/${encodeURIComponent(name)}`)).mark}`;
  }

  async rewind(to) {
    await this.#calls.post('/_larder/rewind', { body: { to, drop_events: true, drop_messages: true } });
  }

  async loadPod(path, { trust = false } = {}) {
    const body = await readFile(path).catch((error) => {
      throw new LarderError(`the pod cannot be read: ${error.message}`);
    });
    await this.#calls.post('/_larder/pods/load', { body, query: { merge: 'overwrite', drop_events: true, trust } });
  }

  async savePod(path, { redact = ['auto'] } = {}) {
    const pod = await this.#calls.bytes('/_larder/pods/save', { redact, report_since: this.#since });
    await mkdir(dirname(path), { recursive: true });
    // Whole, or not there.
    await writeFile(`${path}.part`, pod);
    await rename(`${path}.part`, path);
  }

  async waitForEvents({ function: of, timeoutMs = 60_000 } = {}) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const timeout_ms = Math.min(Math.max(deadline - Date.now(), 0), LONGEST_WAIT_MS);
      const waited = await this.#calls.get('/_larder/queue/wait', { function: of, timeout_ms });
      if (waited.done) return;
      if (Date.now() >= deadline) {
        const counts = `${waited.waiting} wait, ${waited.running} of them run; ${waited.deliveries} deliveries`;
        throw new LarderError(`after ${timeoutMs} ms there still are asynchronous events: ${counts}`);
      }
    }
  }

  async invocations({ function: of, errors } = {}) {
    // A time finds what was over since then; what began before is another test's.
    const since = new Date(this.#since).toISOString();
    const query = { function: of, errors, since, limit: 1000 };
    const found = [];
    do {
      const page = await this.#calls.get('/_larder/invocations', query);
      found.push(...page.invocations.filter(({ started }) => started >= since));
      query.before = page.next;
    } while (query.before);
    return found.reverse();
  }

  async invocation(requestId) {
    const found = await this.#calls.get(`/_larder/invocations/${requestId}`, { show_secrets: true });
    return found.at(-1);
  }

  async isolated(name, body, { pod, trust } = {}) {
    const begin = await this.mark(BEGIN);
    this.#since = Date.now();
    const file = join(this.#failures, fileOf(name));
    let returned;
    try {
      if (pod) await this.loadPod(pod, { trust });
      returned = await body(this);
    } catch (error) {
      await this.#keep(file);
      // The test's own error is the one that is told.
      await this.rewind(begin).catch((other) => console.error(other.message));
      throw error;
    }

    await this.rewind(begin);
    // One of a run before this would tell of what is no more.
    await rm(file, { force: true });
    return returned;
  }

  /** Writes what happened, and says so. That it cannot be written hides no failure of the test. */
  async #keep(file) {
    try {
      if (!existsSync(this.#failures)) {
        await mkdir(this.#failures, { recursive: true });
        await writeFile(join(this.#failures, '.gitignore'), '*\n');
      }
      await this.savePod(file);
      console.error(`larder: what happened is in ${file}; \`larder reproduce ${file}\` runs it again, here or elsewhere`);
    } catch (error) {
      console.error(`larder: there is no pod of what happened: ${error.message}`);
    }
  }

  async stop() {
    await this.#server?.stop();
  }
}

/** The file of a test, which has its name as far as a file can have it. */
function fileOf(name) {
  const plain = name.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, LONGEST_NAME);
  // What was changed or cut may be the same of another test.
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return plain === name ? `${plain}.pod` : `${plain}-${digest}.pod`;
}
