// The client and a real server: LARDER_BIN names the program. No SDK: Lambda's API is plain HTTP.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { LarderError, connectLarder, startLarder } from 'larder-testing';

const POD = fileURLToPath(new URL('../../../docs/examples/orders.pod', import.meta.url));
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'larder-node-'));
const failures = join(folder, 'failures');
let larder;

before(async () => {
  larder = await startLarder({ pod: POD, failures });
});

after(async () => {
  await larder.stop();
  await assert.rejects(functions(), 'the server is gone');
  rmSync(folder, { recursive: true });
});

const lambda = (path, options) => fetch(`${larder.endpoint}/2015-03-31/functions/${path}`, options);

async function functions() {
  return (await (await lambda('')).json()).Functions.map(({ FunctionName }) => FunctionName);
}

async function order(event, type = 'RequestResponse') {
  const headers = { 'x-amz-invocation-type': type };
  const answer = await lambda('orders/invocations', { method: 'POST', headers, body: JSON.stringify(event) });
  return type === 'Event' ? answer.status : answer.json();
}

test('what a test does is undone', async () => {
  await larder.isolated('deletes', async () => {
    await lambda('orders', { method: 'DELETE' });
    assert.deepEqual(await functions(), []);
  });
  assert.deepEqual(await functions(), ['orders']);
  assert.deepEqual(await order({ id: 7 }), { stage: 'dev', order: 7 });
});

test('a test may begin with a pod', async () => {
  const begin = await larder.mark('begin');
  await lambda('orders', { method: 'DELETE' });
  const found = await larder.isolated('with a pod', functions, { pod: POD, trust: true });
  assert.deepEqual([found, await functions()], [['orders'], []]);
  await larder.rewind(begin);
  await assert.rejects(larder.isolated('none', () => {}, { pod: 'missing.pod' }), /the pod cannot be read: .*missing.pod/);
});

test('events are waited for, and invocations remembered', async () => {
  await larder.isolated('events', async () => {
    assert.equal(await order({ id: 7 }, 'Event'), 202);
    await larder.waitForEvents({ function: 'orders', timeoutMs: 30_000 });
    const [ran, ...others] = await larder.invocations({ function: 'orders' });
    assert.deepEqual([ran.trigger.kind, ran.end, others], ['event', 'response', []]);
    assert.match((await larder.invocation(ran.request_id)).answer.text, /"order": 7/);
    assert.deepEqual(await larder.invocations({ errors: true }), []);

    await order({}, 'Event');
    while ((await larder.invocations({ errors: true })).length === 0) await setTimeout(50);
    await assert.rejects(larder.waitForEvents({ timeoutMs: 300 }), /after 300 ms there still are asynchronous events: 1 wait/);
  });
  await larder.waitForEvents({ timeoutMs: 300 });
});

test('a failing test leaves a pod that reproduces it, and takes it away when it passes', async () => {
  const fails = async () => assert.deepEqual(await order({}), {});
  await assert.rejects(larder.isolated('an order: has an id', fails), assert.AssertionError);
  const pod = readdirSync(failures).find((name) => /^an_order__has_an_id-[0-9a-f]{8}\.pod$/.test(name));
  assert.ok(pod, String(readdirSync(failures)));
  const { stdout } = await run(process.env.LARDER_BIN, ['reproduce', join(failures, pod)]);
  assert.match(stdout, /Reproduced/);

  await larder.isolated('an order: has an id', () => order({ id: 7 }));
  assert.ok(!existsSync(join(failures, pod)));
});

test('other processes find the server', async () => {
  const { stdout } = await run(process.env.LARDER_BIN, ['state'], { env: { ...process.env, ...larder.environment } });
  assert.match(stdout, /function:orders/);
  assert.throws(() => connectLarder(), LarderError);
  const script = "import('larder-testing').then(async ({ connectLarder }) => console.log(await connectLarder().mark('there')))";
  const env = { ...process.env, ...larder.environment };
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  assert.equal((await run(process.execPath, ['-e', script], { env, cwd })).stdout, 'mark:there\n');
});

test('what is missing is said', async () => {
  await assert.rejects(startLarder({ program: '/nowhere/larder' }), /there is no program `\/nowhere\/larder`: install Larder/);
  await assert.rejects(startLarder({ executor: 'nothing' }), /did not start[^]*invalid value 'nothing'/);
  await assert.rejects(startLarder({ pod: fileURLToPath(import.meta.url) }), /larder: .*does not begin as one/);
});

// Those that forget to stop it, and those that are killed.
for (const [how, ends] of [['ends', ''], ['is killed', 'setInterval(() => {}, 1000);']]) {
  test(`no server outlives a process that ${how}`, async () => {
    const script = `import('larder-testing').then(async ({ startLarder }) => { console.log((await startLarder()).endpoint); ${ends} })`;
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const child = spawn(process.execPath, ['-e', script], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    const endpoint = String(await once(child.stdout, 'data')).trim();
    assert.match(endpoint, /^http:/);
    const closed = once(child, 'close');
    if (ends) child.kill('SIGKILL');
    await closed;
    const limit = Date.now() + 30_000;
    while (await fetch(endpoint).then(() => true, () => false)) {
      assert.ok(Date.now() < limit, 'it still answers');
      await setTimeout(50);
    }
  });
}
