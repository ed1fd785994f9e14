// The live parts of the console. Without it every page still shows what is.
'use strict';

const say = (place, text, kind) => {
  place.textContent = text;
  place.className = kind || '';
};

// Larder's own endpoints take changes only with a header that no page of another site can send.
const send = async (path, options) => {
  const answer = await fetch(path, { ...options, headers: { 'x-larder-request': '1', ...options.headers } });
  const text = await answer.text();
  let body;
  try { body = JSON.parse(text); } catch { body = text; }
  return { answer, text, body };
};

const pretty = (body) => (typeof body === 'string' ? body : JSON.stringify(body, null, 2));

// Numbers as they come.
for (const chart of document.querySelectorAll('[data-live]')) {
  const seen = [];
  let before = null;
  const events = new EventSource(chart.dataset.live);
  events.onmessage = ({ data }) => {
    const top = JSON.parse(data);
    const all = top.functions.reduce((sum, { invocations }) => sum + invocations, 0);
    const rate = before === null ? 0 : Math.max(0, (all - before.all) / Math.max(0.001, top.uptime_s - before.at));
    before = { all, at: top.uptime_s };
    seen.push(rate);
    if (seen.length > 120) seen.shift();
    const most = Math.max(1, ...seen);
    const points = seen.map((value, at) => `${(at / 119) * 100},${38 - (value / most) * 36}`);
    chart.querySelector('polyline').setAttribute('points', points.join(' '));
    const numbers = { ...top, rate: rate.toFixed(1), all };
    for (const place of document.querySelectorAll('[data-number]')) place.textContent = numbers[place.dataset.number];
  };
}

// A function is invoked with the event in the form.
for (const form of document.querySelectorAll('form[data-invoke]')) {
  const result = document.getElementById('result');
  form.elements.template.addEventListener('change', ({ target }) => {
    if (target.value) form.elements.event.value = target.value;
  });
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    say(result.querySelector('p'), 'It runs …', 'soft');
    try {
      const { answer, body } = await send(form.dataset.invoke, {
        method: 'POST', body: form.elements.event.value, headers: { 'x-amz-log-type': 'Tail', authorization: form.dataset.caller },
      });
      const failed = !answer.ok || answer.headers.get('x-amz-function-error');
      say(result.querySelector('p'), failed ? 'It failed.' : 'It ended well.', failed ? 'bad' : 'good');
      result.querySelector('.answer').textContent = pretty(body);
      const log = answer.headers.get('x-amz-log-result');
      const bytes = Uint8Array.from(atob(log || ''), (letter) => letter.charCodeAt(0));
      // Python's runtime ends lines of a traceback as a typewriter does.
      result.querySelector('.log').textContent = new TextDecoder().decode(bytes).replaceAll('\r', '\n');
      const id = answer.headers.get('x-amzn-requestid');
      const link = result.querySelector('a');
      link.href = `/_larder/console/invocations/${encodeURIComponent(id)}`;
      link.textContent = `Invocation ${id}`;
    } catch (error) {
      say(result.querySelector('p'), `It could not be asked: ${error.message}`, 'bad');
    }
    button.disabled = false;
  });
}

// An invocation is run again: in the state of now, or in that of then, which takes a server of its own.
for (const form of document.querySelectorAll('form[data-replay]')) {
  const result = document.getElementById('result');
  const buttons = form.querySelectorAll('button');
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const then = submitted.submitter?.value === 'then';
    const wanted = { request_id: form.dataset.replay };
    if (then) wanted.environment = form.elements.environment?.checked ?? false;
    else wanted.fresh = true;
    for (const button of buttons) button.disabled = true;
    say(result.querySelector('p'), then ? 'A server with the state of then starts, and runs it …' : 'It runs …', 'soft');
    result.querySelector('.answer').textContent = '';
    try {
      const { answer, body } = await send(then ? '/_larder/replay/then' : '/_larder/replay', {
        method: 'POST', body: JSON.stringify(wanted), headers: { 'content-type': 'application/json' },
      });
      if (answer.ok) {
        const ended = ({ end, answer }) => `${end}: ${answer ? answer.text ?? '' : ''}`;
        const [before, now] = [ended(body.recorded), ended(body.replayed)];
        const same = body.same ?? body.recorded.end === body.replayed.end;
        say(result.querySelector('p'), same ? `It ended as then (${body.replayed.end}).` : 'It went otherwise.', same ? 'good' : 'warn');
        result.querySelector('.answer').textContent = `then ${before}\nnow  ${now}`;
      } else {
        say(result.querySelector('p'), body.error ?? pretty(body), 'bad');
      }
    } catch (error) {
      say(result.querySelector('p'), `It could not be asked: ${error.message}`, 'bad');
    }
    for (const button of buttons) button.disabled = false;
  });
}

// The state is brought back to a point, after a look at what that changes.
const dialog = document.getElementById('rewind');
if (dialog) {
  let wanted = null;
  const list = dialog.querySelector('pre');
  const message = dialog.querySelector('p');
  for (const button of document.querySelectorAll('button[data-rewind]')) {
    button.addEventListener('click', async () => {
      wanted = button.dataset.rewind;
      say(message, `Bring everything back to sequence ${wanted}?`);
      const { body } = await send(`/_larder/diff?from=${dialog.dataset.now}&to=${wanted}`, { method: 'GET' });
      const changes = (body.resources ?? body.differences ?? []).map(({ change, arn, resource }) => `${change} ${arn ?? resource}`);
      list.textContent = changes.length ? changes.join('\n') : 'Nothing would change.';
      dialog.showModal();
    });
  }
  dialog.querySelector('[data-cancel]').addEventListener('click', () => dialog.close());
  dialog.querySelector('[data-do]').addEventListener('click', async () => {
    const { answer, body } = await send('/_larder/rewind', {
      method: 'POST', body: JSON.stringify({ to: wanted }), headers: { 'content-type': 'application/json' },
    });
    if (answer.ok) location.reload();
    else say(message, body.error ?? pretty(body), 'bad');
  });
}

// Lines of logs as they come.
const tail = document.querySelector('tbody[data-tail]');
if (tail) {
  let newest = tail.dataset.tail;
  const add = (text, parent) => { const cell = document.createElement('td'); cell.textContent = text; parent.append(cell); return cell; };
  const look = async () => {
    const asked = new URLSearchParams(location.search);
    asked.set('after', newest);
    asked.set('format', 'json');
    const answer = await fetch(`${location.pathname}?${asked}`).catch(() => null);
    const page = answer && answer.ok ? await answer.json() : { lines: [], newest };
    newest = page.newest;
    for (const line of page.lines) {
      const row = document.createElement('tr');
      add(new Date(line.time_ms).toISOString(), row);
      add(line.group, row).title = line.stream;
      add(line.text.trimEnd().replaceAll('\r', '\n'), row);
      tail.prepend(row);
    }
    while (tail.rows.length > 2000) tail.lastElementChild.remove();
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}

// The state as a file.
for (const form of document.querySelectorAll('form[data-save]')) {
  const result = document.getElementById('result');
  form.addEventListener('submit', async (submitted) => {
    submitted.preventDefault();
    const only = form.elements.only.value.trim();
    const answer = await fetch('/_larder/pods/save', {
      method: 'POST', headers: { 'x-larder-request': '1', 'content-type': 'application/json' },
      body: JSON.stringify({ only: only ? [only] : [], redact: ['env:*'] }),
    });
    if (!answer.ok) return say(result.querySelector('p'), (await answer.json()).error, 'bad');
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await answer.blob());
    link.download = 'state.pod';
    link.click();
    return say(result.querySelector('p'), 'Saved as state.pod.', 'good');
  });
}

// A file as the state, after a look at what it changes.
for (const form of document.querySelectorAll('form[data-load]')) {
  const result = document.getElementById('result');
  const [look, load] = [form.querySelector('[data-try]'), form.querySelector('[data-do]')];
  const ask = async (dry) => {
    const file = form.elements.pod.files[0];
    if (!file) return say(result.querySelector('p'), 'Choose a file first.', 'warn');
    const asked = new URLSearchParams({ merge: form.elements.merge.value, dry_run: String(dry), source: file.name, rename: '' });
    const { answer, body } = await send(`/_larder/pods/load?${asked}`, { method: 'POST', body: file });
    if (!answer.ok) return say(result.querySelector('p'), body.error ?? pretty(body), 'bad');
    const changes = body.resources.map(({ change, arn }) => `${change} ${arn}`);
    say(result.querySelector('p'), dry ? `${changes.length} resources would change.` : `Loaded: ${changes.length} resources changed.`, 'good');
    result.querySelector('.answer').textContent = changes.join('\n');
    load.disabled = !dry;
    return undefined;
  };
  look.addEventListener('click', (clicked) => { clicked.preventDefault(); ask(true); });
  load.addEventListener('click', (clicked) => { clicked.preventDefault(); ask(false); });
  form.addEventListener('change', () => { load.disabled = true; });

  // A file may be dropped on the form as well.
  const over = (is) => (dragged) => { dragged.preventDefault(); form.classList.toggle('over', is); };
  form.addEventListener('dragover', over(true));
  form.addEventListener('dragleave', over(false));
  form.addEventListener('drop', (dropped) => {
    over(false)(dropped);
    form.elements.pod.files = dropped.dataTransfer.files;
    ask(true);
  });
}
