// The console in a browser: usage console.mjs MODULES PORT FUNCTION FAILED SHOTS.
//
// MODULES has playwright-core. FUNCTION echoes its event, and fails where that says so; FAILED is an invocation of it that
// did. Pictures are put into the folder SHOTS.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, port, name, failed, shots] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)('playwright-core');
const at = (path) => `http://127.0.0.1:${port}/_larder/${path}`;
const functionPage = at(`console/functions/000000000000/us-east-1/${name}`);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const complaints = [];
const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
const page = await context.newPage();
page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
page.on('pageerror', (error) => complaints.push(error.message));
page.on('request', (request) => assert.ok(request.url().startsWith(`http://127.0.0.1:${port}/`) || request.url().startsWith('data:'), request.url()));

try {
  await everyPageIsThere();
  await numbersComeLive();
  await aFunctionIsInvoked();
  await anInvocationIsRunAgain();
  await anInvocationIsRunAgainAsThen();
  await theStateIsBroughtBackAndForth();
  await changesOfIamAreShownAlone();
  await linesComeLive();
  await aPodIsSavedAndLoaded();
  await itWorksByKeysAlone();
  await itIsLegibleEverywhere();
  assert.deepEqual(complaints, []);
} finally {
  await browser.close();
}
console.log('all of it');

async function everyPageIsThere() {
  const pages = ['', 'console/functions', 'console/invocations', `console/invocations/${failed}`, 'console/events', 'console/logs', 'console/history', 'console/pods'];
  for (const path of pages) {
    const answer = await page.goto(at(path));
    assert.equal(answer.status(), 200, path);
    assert.equal(await page.locator('h1').count(), 1);
    const json = await (await context.request.get(`${at(path)}?format=json`)).json();
    assert.equal(typeof json, 'object', path);
  }
  await page.goto(at('console/functions?q=' + name.slice(0, 3)));
  await page.getByRole('link', { name, exact: true }).click();
  await page.waitForURL(functionPage);
  const missing = await context.request.get(at('console/functions/0/r/none'));
  assert.equal(missing.status(), 404);
  const other = await context.request.get(at('console/invocations?errors=true&format=json'));
  assert.ok((await other.json()).invocations.every(({ end }) => end !== 'response'));
}

async function numbersComeLive() {
  await page.goto(at(''));
  const count = page.locator('[data-number="all"]');
  const before = Number(await count.textContent());
  await context.request.post(`http://127.0.0.1:${port}/2015-03-31/functions/${name}/invocations`, { data: '{}' });
  await page.waitForFunction((before) => Number(document.querySelector('[data-number="all"]').textContent) > before, before);
  await page.waitForFunction(() => document.querySelector('svg.chart polyline').getAttribute('points').includes(','));
  await page.screenshot({ path: `${shots}/console-overview.png`, clip: { x: 0, y: 0, width: 1200, height: 540 } });
}

async function aFunctionIsInvoked() {
  await page.goto(functionPage);
  await page.getByLabel('Begin with').selectOption({ label: 'SQS' });
  assert.match(await page.getByLabel('Event', { exact: true }).inputValue(), /aws:sqs/);
  await page.getByLabel('Event', { exact: true }).fill('{"hello": "<b>wörld</b>"}');
  await page.getByRole('button', { name: 'Invoke' }).click();
  await page.getByText('It ended well.').waitFor();
  assert.match(await page.locator('#result .answer').textContent(), /<b>wörld<\/b>/);
  assert.match(await page.locator('#result .log').textContent(), /REPORT RequestId/);
  await page.getByLabel('Event', { exact: true }).fill('{"fails": true}');
  await page.getByRole('button', { name: 'Invoke' }).click();
  await page.getByText('It failed.').waitFor();
  await page.screenshot({ path: `${shots}/console-function.png`, clip: { x: 0, y: 0, width: 1200, height: 900 } });
  await page.locator('#result a').click();
  await page.getByRole('heading', { name: /^Invocation/ }).waitFor();
}

async function anInvocationIsRunAgain() {
  await page.goto(at(`console/invocations/${failed}`));
  await page.getByRole('button', { name: 'Run it again, as things are now' }).click();
  await page.getByText('It ended as then (error).').waitFor();
}

// The code of now does not fail any more; that of then does, in a server of its own. It is called by keys.
async function anInvocationIsRunAgainAsThen() {
  const tagged = `http://127.0.0.1:${port}/2015-03-31/functions/${name}/configuration`;
  assert.equal((await context.request.put(tagged, { data: { Environment: { Variables: { MENDED: 'yes' } } } })).status(), 200);
  await page.goto(at(`console/invocations/${failed}`));
  await page.getByRole('button', { name: 'Run it again, as they were then' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('It ended as then (error).').waitFor({ timeout: 60_000 });
  assert.match(await page.locator('#result .answer').textContent(), /then error: .*so be it[^]*now  error: .*so be it/);
  await page.getByRole('button', { name: 'Run it again, as things are now' }).click();
  await page.getByText('It went otherwise.').waitFor();
}

async function changesOfIamAreShownAlone() {
  await page.goto(at('console/history'));
  await page.getByLabel('Changes of').selectOption({ value: 'iam' });
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL(/area=iam/);
  await page.getByText('Nothing has changed there.').waitFor();
}

async function theStateIsBroughtBackAndForth() {
  const tagged = `http://127.0.0.1:${port}/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:${name}`;
  const before = await sequence();
  await context.request.post(tagged, { data: { Tags: { colour: 'red' } } });
  await page.goto(at('console/history'));
  await page.getByRole('button', { name: `Rewind to sequence ${before}`, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(`function:${name}`).waitFor();
  await Promise.all([page.waitForEvent('load'), dialog.getByRole('button', { name: 'Rewind' }).click()]);
  assert.deepEqual(await tags(), {});
  // And undone, by a rewind to where the tag was.
  await page.getByRole('button', { name: `Rewind to sequence ${before + 1}`, exact: true }).click();
  await dialog.getByText(`function:${name}`).waitFor();
  await Promise.all([page.waitForEvent('load'), dialog.getByRole('button', { name: 'Rewind' }).click()]);
  assert.deepEqual(await tags(), { colour: 'red' });
  await page.getByLabel('From', { exact: true }).fill(String(before));
  await page.getByLabel('To', { exact: true }).fill(String(before + 1));
  await page.getByRole('button', { name: 'Compare' }).click();
  await page.getByText(`From sequence ${before} to ${before + 1}: 1 resources.`).waitFor();

  async function tags() {
    return (await (await context.request.get(tagged)).json()).Tags;
  }
  async function sequence() {
    return (await (await context.request.get(at('health'))).json()).sequence;
  }
}

async function linesComeLive() {
  await page.goto(at('console/logs?text=a-line-of'));
  await context.request.post(`http://127.0.0.1:${port}/2015-03-31/functions/${name}/invocations`, { data: '{"says": "a-line-of-its-own"}' });
  await page.getByRole('cell', { name: /a-line-of-its-own/ }).first().waitFor();
}

async function aPodIsSavedAndLoaded() {
  await page.goto(at('console/pods'));
  await page.getByLabel('Only', { exact: true }).fill(`function:${name}`);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as a file' }).click()]);
  const file = `${shots}/state.pod`;
  await download.saveAs(file);
  await context.request.delete(`http://127.0.0.1:${port}/2015-03-31/functions/${name}`);
  await page.getByLabel('A pod').setInputFiles(file);
  await page.getByRole('button', { name: 'See what would change' }).click();
  await page.getByText(/resources would change/).waitFor();
  assert.equal((await context.request.get(`http://127.0.0.1:${port}/2015-03-31/functions/${name}`)).status(), 404);
  await page.getByRole('button', { name: 'Load it' }).click();
  await page.getByText(/^Loaded: /).waitFor();
  assert.equal((await context.request.get(`http://127.0.0.1:${port}/2015-03-31/functions/${name}`)).status(), 200);

  // Dropped on the form it is looked at, and not loaded.
  await page.reload();
  const bytes = [...readFileSync(file)];
  const dropped = await page.evaluateHandle((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.pod'));
    return transfer;
  }, bytes);
  await page.locator('form[data-load]').dispatchEvent('drop', { dataTransfer: dropped });
  await page.getByText(/resources would change/).waitFor();
}

async function itWorksByKeysAlone() {
  await page.goto(at(''));
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'To the content');
  for (let tries = 0; tries < 10; tries++) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(() => document.activeElement.textContent)) === 'Functions') break;
  }
  await page.keyboard.press('Enter');
  await page.waitForURL(at('console/functions'));
  await page.getByLabel('Name').focus();
  await page.keyboard.type('nobody');
  await page.keyboard.press('Enter');
  await page.getByText('There is no function that is meant.').waitFor();
}

// In the dark, and on a phone: nothing is wider than the screen, and letters stand out from their ground.
async function itIsLegibleEverywhere() {
  for (const colorScheme of ['light', 'dark']) {
    const small = await browser.newContext({ viewport: { width: 360, height: 700 }, colorScheme });
    const phone = await small.newPage();
    for (const path of ['', 'console/functions', 'console/invocations', `console/invocations/${failed}`, 'console/logs', 'console/history', 'console/pods']) {
      await phone.goto(at(path));
      const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 360, `${path} is ${wide} wide`);
    }
    const contrast = await phone.evaluate(() => {
      const bright = (colour) => {
        const parts = colour.match(/\d+/g).slice(0, 3).map((part) => part / 255);
        const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const ground = bright(getComputedStyle(document.body).backgroundColor);
      const colours = [...document.querySelectorAll('h1, a, .soft, .bad, .good')].map((one) => getComputedStyle(one).color);
      return Math.min(...colours.map((colour) => {
        const [low, high] = [ground, bright(colour)].sort((one, other) => one - other);
        return (high + 0.05) / (low + 0.05);
      }));
    });
    assert.ok(contrast >= 4.5, `${colorScheme}: ${contrast}`);
    await phone.goto(functionPage);
    await phone.screenshot({ path: `${shots}/console-phone-${colorScheme}.png` });
    await small.close();
  }
}
