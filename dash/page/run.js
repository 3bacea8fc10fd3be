// RunView is one run on the page: what it was, its key figures, its charts and
// all its figures as tables. A figure carries the path of the JSON it comes
// from (data-path) and its exact value (data-value).

class RunView {
  // page is {title, claims, shown, folded}; several: it is not alone on the page.
  constructor(page, prefix, several) {
    this.page = page;
    this.several = several;
    this.charts = makeCharts(prefix);
    this.head = el('header', { class: 'run-head' });
    this.alerts = el('div', {});
    this.claims = el('div', {});
    this.figures = el('div', { class: 'figures' });
    this.grid = el('div', { class: 'charts' });
    // Beside other runs the claims are what matters: the rest is folded away,
    // unless there are no claims to show.
    const rest = several
      ? el('details', { class: 'rest', open: !page.claims.length && !page.folded }, el('summary', {}, 'All charts and figures of this run'), this.grid, this.figures)
      : [this.grid, this.figures];
    this.node = el('section', { class: 'run', id: prefix + 'run' }, this.head, this.alerts, this.claims, rest);
    this.place();
  }

  // place puts each chart beside the claims that it shows, the others below.
  place() {
    const { claims = [] } = this.page;
    const rest = new Set(Object.keys(this.charts));
    const groups = new Map();
    for (const c of claims) {
      const name = this.charts[c.chart] ? c.chart : 'latency';
      groups.set(name, [...(groups.get(name) || []), c]);
    }
    for (const [name, list] of groups) {
      rest.delete(name);
      this.claims.append(el('div', { class: 'beside' }, claimCards(list), this.charts[name].chart.node));
    }
    this.grid.append(...[...rest].map((name) => this.charts[name].chart.node));
  }

  update(result) {
    this.result = result;
    this.head.replaceChildren(...runHead(this.page.title, result, this.several));
    this.alerts.replaceChildren(...alerts(result));
    for (const c of Object.values(this.charts)) c.update(result);
    this.figures.replaceChildren(...figureTables(result, this.page.shown));
  }
}

// figure is a number with its origin in the JSON.
function figure(result, path, write) {
  const value = path.split('.').reduce((at, key) => (at === undefined ? undefined : at[key]), result);
  return el('span', { 'data-path': path, 'data-value': value }, write(value));
}

// runHead says what the run was, in a sentence and in key figures.
function runHead(title, r, several) {
  const { run, invocations: n, latency_ms: l } = r;
  const what = [r.kind, run.function, run.arrivals && 'arrivals ' + run.arrivals, run.keys && 'keys ' + run.keys, 'seed ' + run.seed,
    run.started_at && !run.started_at.startsWith('0001') && run.started_at.slice(0, 16).replace('T', ' ') + ' UTC'];
  return [
    el(several ? 'h2' : 'h1', {}, title || run.name || 'A run'),
    el('p', { class: 'what' }, what.filter(Boolean).join(' · ')),
    el('p', { class: 'sentence' }, sentence(r)),
    el('dl', { class: 'keys' },
      key('invocations', figure(r, 'invocations.total', count), `${number(n.total / (run.duration_s || 1))}/s for ${number(run.duration_s)} s`),
      key('warm p50', l.warm.count ? figure(r, 'latency_ms.warm.p50', millis) : '–', l.warm.count ? ['p99 ', figure(r, 'latency_ms.warm.p99', millis)] : 'no samples'),
      key('cold starts', figure(r, 'invocations.cold', count), l.cold.count ? [share(n.cold, n.total) + ', p50 ', figure(r, 'latency_ms.cold.p50', millis)] : share(n.cold, n.total)),
      key('environments, peak', figure(r, 'environments.peak', count), [figure(r, 'environments.started', count), ' started']),
      key('connections, peak', figure(r, 'connections.peak', count), r.connections.limit ? ['of ', figure(r, 'connections.limit', count)] : 'limit not known'),
      key('failed', figure(r, 'invocations.failed', count), [figure(r, 'invocations.throttled', count), ' throttled'], n.failed > 0)),
  ];
}

function key(label, value, more, bad) {
  return el('div', { class: bad ? 'bad-key' : null }, el('dt', {}, label), el('dd', { class: 'big' }, value), el('dd', { class: 'more' }, more));
}

// sentence is the run in plain words.
function sentence(r) {
  const { invocations: n, latency_ms: l } = r;
  if (!n.total) return 'No invocation was recorded yet.';
  const parts = [];
  if (l.warm.count) parts.push(`In a warm environment half of the callers had their answer within ${millis(l.warm.p50)} and 99 of 100 within ${millis(l.warm.p99)}.`);
  if (l.cold.count) {
    const factor = l.warm.p50 > 0 ? l.cold.p50 / l.warm.p50 : 0;
    parts.push(`${count(n.cold)} of ${count(n.total)} waited for a cold start, half of them ${millis(l.cold.p50)} or longer${factor >= 1.5 ? `, ${number(Number(factor.toPrecision(2)))} times the warm median` : ''}.`);
  }
  const answered = Object.values(r.sources).reduce((a, b) => a + b, 0);
  if (answered && r.sources.cache) parts.push(`The cache answered ${share(r.sources.cache, answered)}.`);
  parts.push((n.failed ? `${count(n.failed)} failed` : 'None failed') + (n.throttled ? `, ${count(n.throttled)} ${n.throttled === 1 ? 'was' : 'were'} throttled.` : '.'));
  return parts.join(' ');
}

// alerts are what a reader must know before trusting a figure, and what was
// expected of the run.
function alerts(r) {
  const out = [];
  if (r.warnings.length) out.push(el('div', { class: 'alert', role: 'note' }, el('strong', {}, 'Read with care'), el('ul', {}, r.warnings.map((w) => el('li', {}, w)))));
  if (r.expectations.length) {
    const unit = (v) => (v.unit === 'ms' ? millis(v.value) : number(v.value) + (v.unit ? NBSP + v.unit : ''));
    out.push(el('h3', {}, 'Expectations'), scroller('Expectations', table(['expected', 'measured', 'verdict'],
      r.expectations.map((v) => [v.expression, v.reason || unit(v), verdict(v.holds)]), [2])));
  }
  return out;
}

function verdict(holds) {
  return el('span', { class: holds ? 'verdict yes' : 'verdict no' }, holds ? '✓ holds' : '✗ does not hold');
}

// figureTables are all figures of the run, and how it was made.
function figureTables(r, shown) {
  const series = [['warm', 'warm'], ['cold', 'cold'], ['init', 'init alone'], ['failed', 'failed'], ['throttled', 'throttled'], ['service', 'without the generator’s lag'], ['overhead', 'the lab’s own share']];
  const quantiles = ['p50', 'p90', 'p99', 'p999', 'max'];
  const cells = (path, s) => [figure(r, path + '.count', count), ...quantiles.map((q) => (s.count ? figure(r, `${path}.${q}`, number) : '–'))];
  const out = [
    el('h2', {}, 'All figures'),
    el('h3', {}, 'Latency, ms'),
    scroller('Latency', table(['series', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max'],
      series.filter(([s]) => r.latency_ms[s].count || s === 'warm' || s === 'cold').map(([s, name]) => [name, ...cells('latency_ms.' + s, r.latency_ms[s])]))),
    el('div', { class: 'groups' },
      group(r, 'Invocations', 'invocations', ['total', 'cold', 'warm', 'throttled', 'failed']),
      group(r, 'Connections', 'connections', ['peak', 'new', 'rejected', 'limit']),
      group(r, 'Cache', 'cache', ['hits', 'misses', 'evictions', 'commands', 'memory_bytes', 'max_memory_bytes', 'bytes_in', 'bytes_out']),
      group(r, 'Origin', 'origin', ['queries', 'failed', 'connections_peak', 'latency_ms_injected']),
      group(r, 'Load generator', 'generator', ['sent', 'late', 'dropped'])),
  ];
  if (r.functions.length > 1) {
    out.push(el('h3', {}, 'Functions'), scroller('Functions', table(['function', 'invocations', 'cold', 'failed', 'warm p50, ms', 'warm p99, ms', 'environments, peak'],
      r.functions.map((f) => [f.name, count(f.invocations.total), count(f.invocations.cold), count(f.invocations.failed), number(f.latency_ms.warm.p50), number(f.latency_ms.warm.p99), count(f.environments.peak)]))));
  }
  if (r.errors.length) {
    out.push(el('h3', {}, 'Errors'), scroller('Errors', table(['type', 'count', 'message', 'place'],
      r.errors.map((e) => [e.type, count(e.count), e.message, e.place]), [2, 3])));
  }
  return [...out, ...provenance(r, shown)];
}

function group(r, title, path, keys) {
  const names = { memory_bytes: 'memory', max_memory_bytes: 'memory, limit', bytes_in: 'received', bytes_out: 'sent', latency_ms_injected: 'latency, injected', connections_peak: 'connections, peak' };
  const write = (k) => (k.endsWith('bytes') || k.startsWith('bytes') ? bytes : k.includes('_ms') ? millis : count);
  return el('div', {}, el('h3', {}, title), el('dl', { class: 'pairs' },
    keys.map((k) => [el('dt', {}, names[k] || k.replaceAll('_', ' ')), el('dd', {}, figure(r, `${path}.${k}`, write(k)))])));
}

// provenance says how the figures came about and how to repeat them.
function provenance(r, shown) {
  const m = r.mechanisms, c = r.machine;
  const rows = [['cache', m.cache], ['freezing', m.freeze], ['memory and CPU', m.limits], ['network', m.network],
    ['machine', c.os && `${c.os}/${c.arch}, ${c.cpus} CPUs, ${bytes(c.memory_bytes)}${c.kernel ? ', ' + c.kernel : ''}`], ['thaw', r.run.thaw_version]];
  return [
    el('h3', {}, 'How it was made'),
    el('dl', { class: 'pairs wide' }, rows.map(([k, v]) => [el('dt', {}, k), el('dd', {}, v || 'not copied')])),
    r.run.command ? el('p', {}, 'Repeat it: ', el('code', {}, r.run.command)) : '',
    r.notes.length ? el('ul', { class: 'notes' }, r.notes.map((n) => el('li', {}, n))) : '',
    shown ? el('p', { class: 'note' }, shown) : '',
  ];
}
