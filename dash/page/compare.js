// Two runs side by side: the ratios with their intervals, and one over the
// other in the two charts where that can be read.

// compareView takes the comparison of the document and the results a and b.
function compareView(comparison, a, b) {
  const latency = new TimeChart({ id: 'compare-latency', title: 'Latency of both runs', question: 'Does one wait longer throughout, or only at times?', series: bothLatencies, height: 270 });
  const spread = new Histogram({ id: 'compare-histograms', title: 'Warm latency of both runs', question: 'Is the whole distribution moved, or only its tail?' });
  latency.update({ a, b });
  spread.update([
    { key: 'a', label: 'A', cls: 'run-a', buckets: buckets(a), summary: a.latency_ms.warm },
    { key: 'b', label: 'B', cls: 'run-b', buckets: buckets(b), summary: b.latency_ms.warm },
  ]);
  return el('section', { class: 'run' },
    el('header', { class: 'run-head' }, el('h1', {}, comparison.title),
      el('p', { class: 'what' }, `A: ${describe(a)}`), el('p', { class: 'what' }, `B: ${describe(b)}`),
      el('p', { class: 'sentence' }, comparison.sentence)),
    comparison.differences.length ? el('div', { class: 'alert', role: 'note' }, el('strong', {}, 'The runs were not made alike'), el('ul', {}, comparison.differences.map((d) => el('li', {}, d)))) : '',
    scroller('Ratios', ratioTable(comparison.rows)),
    el('p', { class: 'note' }, comparison.method),
    el('div', { class: 'charts' }, latency.node, spread.node));
}

function describe({ run, kind }) {
  return [run.name, run.function, kind, run.arrivals, 'seed ' + run.seed].filter(Boolean).join(' · ');
}

function buckets(result) {
  return (result.latency_ms.histograms || {}).warm;
}

// ratioTable is a table with the intervals drawn in it, all on one axis.
function ratioTable(rows) {
  const bounded = rows.filter((r) => r.low > 0 && r.high > 0);
  // One wild interval must not squeeze all others: beyond a factor of 20 they
  // are cut off, and the figures say where they end.
  const widest = Math.min(20, maxOf(bounded.map((r) => Math.max(r.high, 1 / r.low))));
  const reach = Math.log(Math.max(1.25, widest * 1.05));
  const out = table(['figure', 'A', 'B', 'B / A', '95 % interval', '', 'the difference is'], rows.map((r) => [
    r.name, write(r, r.a), write(r, r.b), r.ratio ? number(r.ratio) + ' ×' : '–',
    r.low > 0 ? `${number(r.low)} – ${number(r.high)}` : '–', r.low > 0 ? whisker(r, reach) : '',
    el('span', { class: r.verdict === 'larger than the noise' ? 'verdict moved' : 'verdict still' }, r.verdict || r.reason),
  ]), [5, 6]);
  out.classList.add('ratios');
  return out;
}

function write(row, value) {
  return row.unit === 'ms' ? millis(value) : row.unit === '%' ? number(value) + NBSP + '%' : count(value);
}

// whisker draws an interval about the line of "no difference".
function whisker(r, reach) {
  const middle = 90;
  const x = (ratio) => middle + Math.max(-1, Math.min(1, Math.log(ratio) / reach)) * (middle - 6);
  const cls = r.verdict === 'larger than the noise' ? 'moved' : 'still';
  return svg('svg', { class: 'whisker ' + cls, viewBox: '0 0 180 16', width: 180, height: 16, 'aria-hidden': 'true' },
    svg('line', { class: 'one', x1: middle, x2: middle, y1: 0, y2: 16 }),
    svg('line', { class: 'range', x1: x(r.low), x2: Math.max(x(r.low) + 1, x(r.high)), y1: 8, y2: 8 }),
    r.ratio ? svg('circle', { cx: x(r.ratio), cy: 8, r: 4 }) : '');
}

// bothLatencies lays the runs on one grid of offsets. A column has the largest
// of its rows: percentiles cannot be averaged.
function bothLatencies({ a, b }) {
  const span = Math.max(spanOf(a), spanOf(b));
  const interval = Math.max(span / 200, a.timeline.interval_ms, b.timeline.interval_ms);
  const t = Array.from({ length: Math.ceil(span / interval) }, (_, i) => i * interval);
  const lay = (timeline, column) => {
    const values = t.map(() => null);
    timeline.t_ms.forEach((at, i) => {
      const j = Math.min(t.length - 1, Math.floor(at / interval));
      if (timeline[column][i] > 0) values[j] = Math.max(values[j] || 0, timeline[column][i]);
    });
    return values;
  };
  return {
    t, interval, span, unit: 'ms, logarithmic scale', log: true, format: millis,
    lines: [
      { key: 'ap99', label: 'A p99', cls: 'run-a thin', values: lay(a.timeline, 'p99_ms') },
      { key: 'bp99', label: 'B p99', cls: 'run-b thin', values: lay(b.timeline, 'p99_ms') },
      { key: 'ap50', label: 'A p50', cls: 'run-a', values: lay(a.timeline, 'p50_ms') },
      { key: 'bp50', label: 'B p50', cls: 'run-b', values: lay(b.timeline, 'p50_ms') },
    ],
  };
}
