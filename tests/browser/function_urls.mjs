// What pages in a browser can do with functions' URLs: usage function_urls.mjs MODULES PORT ID STREAM_ID.
//
// MODULES has playwright-core. A page of another origin calls the URL of the function ID, whose CORS lets `http://app.localhost`
// in and no other; it answers with its event, or with a page at /page. STREAM_ID answers piece by piece.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [modules, port, id, streamId, pagePort] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)('playwright-core');

const urlOf = (id) => `http://${id}.lambda-url.us-east-1.localhost:${port}`;
const url = urlOf(id);

// Pages of other origins: this machine's, under two names.
const pages = createServer((request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<!doctype html><title>a page</title>');
});
await new Promise((done) => pages.listen(Number(pagePort), '127.0.0.1', done));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

try {
  await aPageMayCallByCors();
  await anotherMayNot();
  await aFunctionServesPages();
  await aPathsPageIsKeptApart();
  await bytesComeAsTheyAreWritten();
} finally {
  await browser.close();
  pages.close();
}
console.log('all of it');

async function pageAt(address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  await page.goto(address);
  return page;
}

async function aPageMayCallByCors() {
  const page = await pageAt(`http://app.localhost:${pagePort}/`);
  const answer = await page.evaluate(async (url) => {
    const sent = await fetch(`${url}/a/b?x=1`, {
      method: 'PUT',
      credentials: 'include',
      headers: { 'content-type': 'application/json', 'x-mine': 'yes' },
      body: JSON.stringify({ hello: 'wörld' }),
    });
    return { status: sent.status, told: sent.headers.get('x-told'), hidden: sent.headers.get('x-hidden'), event: await sent.json() };
  }, url);
  assert.equal(answer.status, 200);
  assert.equal(answer.told, 'yes', 'a header that CORS shows');
  assert.equal(answer.hidden, null, 'one that it does not');
  const { event } = answer;
  assert.deepEqual([event.rawPath, event.rawQueryString, event.requestContext.http.method], ['/a/b', 'x=1', 'PUT']);
  assert.deepEqual([event.headers['x-mine'], event.body, event.isBase64Encoded], ['yes', '{"hello":"wörld"}', false]);
  assert.equal(event.headers.origin, `http://app.localhost:${pagePort}`);

  // What fails is the page's to read, too.
  const status = await page.evaluate(async (url) => (await fetch(`${url}/fail`)).status, url);
  assert.equal(status, 502);
  assert.deepEqual(page.complaints.filter((text) => !text.includes('502')), []);
}

async function anotherMayNot() {
  const page = await pageAt(`http://other.localhost:${pagePort}/`);
  const refused = await page.evaluate(async (url) => {
    try {
      return (await fetch(url, { method: 'PUT', headers: { 'x-mine': 'yes' } })).status;
    } catch (error) {
      return error.name;
    }
  }, url);
  assert.equal(refused, 'TypeError');
}

async function aFunctionServesPages() {
  const page = await pageAt(`${url}/page`);
  assert.equal(await page.title(), 'of a function');
  const seen = await page.evaluate(async () => {
    document.cookie = 'mine=1';
    const event = await (await fetch('/again')).json();
    return { cookies: event.cookies, own: await (await fetch('/_larder/state')).json() };
  });
  assert.deepEqual(seen.cookies.sort(), ['from=function', 'mine=1']);
  assert.equal(seen.own.rawPath, '/_larder/state', 'all paths of the host are the function\'s');
  assert.deepEqual(page.complaints, []);
}

async function aPathsPageIsKeptApart() {
  const page = await pageAt(`http://127.0.0.1:${port}/_url/${id}/page`);
  assert.equal(await page.title(), 'of a function');
  const own = await page.evaluate(async () => {
    try {
      return (await fetch('/_larder/state')).status;
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(own, 'TypeError', 'Larder\'s own endpoints are of another origin to it');
  assert.equal(await page.evaluate(() => self.origin), 'null');
}

async function bytesComeAsTheyAreWritten() {
  const page = await pageAt(`${urlOf(streamId)}/`);
  const pieces = await page.evaluate(async () => {
    const reader = (await fetch('/stream')).body.pipeThrough(new TextDecoderStream()).getReader();
    const began = performance.now();
    const pieces = [];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { pieces, took: performance.now() - began };
      pieces.push(value);
    }
  });
  assert.equal(pieces.pieces.join(''), 'one two three ');
  assert.ok(pieces.pieces.length >= 3, `${pieces.pieces.length} pieces`);
  assert.ok(pieces.took > 200, `the last came ${pieces.took} ms after the first`);
}
