// The six pictures of a run: which columns of the result each one shows. Each
// answers one question.

// makeCharts returns {name: {chart, update(result)}}. prefix keeps the ids of
// several runs on one page apart.
function makeCharts(prefix) {
  const time = (id, title, question, series, more) => {
    const chart = new TimeChart({ id: prefix + id, title, question, series, ...more });
    return { chart, update: (result) => chart.update(result) };
  };
  const histogram = new Histogram({ id: prefix + 'histograms', title: 'How latency is spread', question: 'What does a cold start cost, against a warm environment?' });
  const shares = new Shares({ id: prefix + 'sources', title: 'Who answered', question: 'How much of the load did the cache take off the data source behind it?' });
  const lanes = new Lanes({ id: prefix + 'lanes', title: 'Each environment', question: 'When was each execution environment starting, at work and frozen?' });
  return {
    latency: time('latency', 'Latency over time', 'How long did a caller wait, and where did cold starts fall?', latencySeries, { height: 270 }),
    environments: time('environments', 'Environments by state', 'How many execution environments did the load need?', environmentSeries),
    connections: time('connections', 'Connections to the cache', 'How near did the environments come to the limit of the cache?', connectionSeries),
    cache: time('cache', 'Hits and misses', 'Did the cache hold what was asked for?', cacheSeries, { height: 150 }),
    histograms: { chart: histogram, update: (r) => histogram.update(latencyPanels(r)) },
    sources: { chart: shares, update: (r) => shares.update(sourceParts(r)) },
    lanes: { chart: lanes, update: (r) => lanes.update({ environments: r.environments_detail, span: spanOf(r) }) },
  };
}

// frameOf is what all charts over time share.
function frameOf(result) {
  const t = result.timeline;
  return { t: t.t_ms, interval: t.interval_ms || 1, span: spanOf(result) };
}

function spanOf(result) {
  const { t_ms: t, interval_ms: interval } = result.timeline;
  const rows = t.length ? t[t.length - 1] + interval : 0;
  const ends = result.environments_detail.map((e) => Math.max(e.ended_ms, e.started_ms + e.init_ms));
  // Environments can outlive the load; a picture of the load ends with it.
  return Math.max(rows || maxOf(ends), 1);
}

// An empty row has no percentile, which is a gap and not a zero.
function gaps(values) {
  return values.map((v) => (v > 0 ? v : null));
}

function latencySeries(result) {
  const t = result.timeline;
  const marks = [{ key: 'cold', label: 'Cold starts', short: 'cold', cls: 'cold', values: t.cold }];
  if (t.failed.some(Boolean)) marks.push({ key: 'failed', label: 'Failed', short: 'failed', cls: 'bad', values: t.failed });
  if (t.throttled.some(Boolean)) marks.push({ key: 'throttled', label: 'Throttled', short: 'throttled', cls: 'warn', values: t.throttled });
  return {
    ...frameOf(result), unit: 'ms, logarithmic scale', log: true, format: millis, marks,
    lines: [{ key: 'p99', label: 'p99', cls: 'p99', values: gaps(t.p99_ms) }, { key: 'p50', label: 'p50', cls: 'p50', values: gaps(t.p50_ms) }],
    why: t.p50_ms.some(Boolean) ? '' : 'No invocation succeeded.',
  };
}

function environmentSeries(result) {
  const t = result.timeline;
  return {
    ...frameOf(result), unit: 'environments', format: count, whole: true,
    areas: [
      { key: 'busy', label: 'Busy', cls: 'busy', values: t.environments_busy },
      { key: 'starting', label: 'Starting', cls: 'cold', values: t.environments_starting },
      { key: 'frozen', label: 'Frozen', cls: 'frozen', values: t.environments_idle },
    ],
  };
}

function connectionSeries(result) {
  const t = result.timeline;
  const { limit } = result.connections;
  const marks = t.rejected.some(Boolean) ? [{ key: 'rejected', label: 'Refused', short: 'refused', cls: 'bad', values: t.rejected }] : [];
  return {
    ...frameOf(result), unit: 'open connections', format: count, whole: true, marks,
    lines: [{ key: 'connections', label: 'Open', short: 'open', cls: 'connections', values: t.connections, step: true }],
    limit: limit > 0 ? { value: limit, label: 'limit' } : null,
    why: result.mechanisms.cache || maxOf(t.connections) ? '' : 'This run has no cache.',
  };
}

function cacheSeries(result) {
  const t = result.timeline;
  const frame = frameOf(result);
  const rate = (values) => values.map((n) => 1000 * n / frame.interval);
  return {
    ...frame, unit: 'lookups per second', format: (v) => number(v) + '/s',
    areas: [{ key: 'misses', label: 'Misses', cls: 'miss', values: rate(t.misses) }, { key: 'hits', label: 'Hits', cls: 'hit', values: rate(t.hits) }],
    why: t.hits.some(Boolean) || t.misses.some(Boolean) ? '' : 'The cache was not asked for anything in this run.',
  };
}

// sourceParts puts the cache first and the data source second; handlers name
// further sources themselves.
function sourceParts(result) {
  const classes = { cache: 'hit', database: 'miss' };
  const spare = ['third', 'fourth', 'other'];
  const order = (name) => ['cache', 'database'].indexOf(name) + 1 || 3;
  return Object.entries(result.sources)
    .sort(([a], [b]) => order(a) - order(b) || (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, label: key, value, cls: classes[key] || spare.shift() || 'other' }));
}

function latencyPanels(result) {
  const { warm, cold, histograms } = result.latency_ms;
  if (!histograms) return [];
  return [{ key: 'warm', label: 'Warm', cls: 'warm', buckets: histograms.warm, summary: warm },
    { key: 'cold', label: 'Cold', cls: 'cold', buckets: histograms.cold, summary: cold }];
}
