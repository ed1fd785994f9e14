// A server of a test run's own, which ends with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { LarderError } from './calls.js';

/** How long a server may take to be ready, and to end. */
const PATIENCE_MS = 60_000;

/** Lines of the server's log that are shown where it does not start. */
const LOG_LINES = 15;

/** What the server must not hear of the environment: a folder beside --ephemeral, and one file that all would write. */
const UNHEARD = ['LARDER_DATA_DIR', 'LARDER_SAVE_POD_ON_EXIT'];

/** A running `larder serve`, whose state goes with it. */
export class Server {
  #process;
  #log = [];

  /** @param {{ program?: string, executor?: string }} options */
  static async start({ program = process.env.LARDER_BIN || 'larder', executor } = {}) {
    const server = new Server();
    const flags = ['--ephemeral', '--listen', '127.0.0.1:0', '--end-with-input'];
    if (executor) flags.push('--executor', executor);
    try {
      await server.#spawn(program, ['serve', ...flags]);
      const banner = await server.#banner();
      server.endpoint = banner.address;
      server.token = (await readFile(join(banner['data dir'], 'token'), 'utf8')).trim();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async #spawn(program, args) {
    const env = { ...process.env };
    for (const name of UNHEARD) delete env[name];
    // Its input is held as long as this process lives: the server ends with it, however that ends. Ctrl-C is for the
    // tests' runner, which still needs the server to tidy up: so it is no part of its group.
    const child = spawn(program, args, { env, stdio: 'pipe', detached: true });
    try {
      await once(child, 'spawn');
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      const hint = 'install Larder (`cargo install --path .` in its repository), or say where it is with `program` or LARDER_BIN';
      throw new LarderError(`there is no program \`${program}\`: ${hint}`);
    }
    this.#process = child;
    createInterface({ input: child.stderr }).on('line', (line) => (this.#log = [...this.#log, line].slice(-LOG_LINES)));
  }

  /** What it says of itself when it is ready. */
  async #banner() {
    const child = this.#process;
    const said = {};
    const limit = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    const closed = once(child, 'close');
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const [, name, value] = line.match(/^  (address|data dir) +(.*)$/) ?? [];
        if (name) said[name] = value.trim();
        if (said.address && said['data dir']) return said;
      }
      // All of its log is here then.
      await closed;
    } finally {
      clearTimeout(limit);
      // Whoever forgets to stop it is not kept from ending.
      for (const one of [child, child.stdin, child.stdout, child.stderr]) one.unref();
    }
    throw new LarderError(`larder did not start. The end of its log:\n${this.#log.join('\n')}`);
  }

  /** Ends it in good order: it takes its environments and its folder along. */
  async stop() {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = once(child, 'exit');
    child.stdin.end();
    const limit = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await ended;
    clearTimeout(limit);
  }
}
