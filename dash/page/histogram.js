// Histogram draws the latency distributions of warm and cold invocations above
// each other on one logarithmic axis, so that one can be read against the other.
//
//   update([{key, label, cls, buckets: [{le_ms, count}], summary}])

// The format has 50 buckets a decade; a picture shows that many only when there
// are samples enough to fill them.
const PER_DECADE = 50;

// Between two panels, for the name and the percentiles of the lower one.
const GAP = 48;

class Histogram extends Chart {
  constructor(about) {
    super({ title: about.title, ...about });
    this.panelHeight = 118;
  }

  update(series) {
    this.panels = series.map((s) => ({ ...s, bars: merge((s.buckets || []).filter((b) => b.le_ms > 0 && b.count > 0)) })).filter((s) => s.bars.length);
    super.update(series, this.panels.length ? '' : 'No invocation was recorded with its distribution.');
  }

  entries() {
    return this.panels;
  }

  draw(width) {
    const narrow = width < NARROW;
    const left = 46, right = width - 14;
    const panels = this.panels.filter((p) => this.shows(p.key));
    const bars = panels.flatMap((p) => p.bars);
    this.picture.replaceChildren();
    const [lo, hi] = bars.length ? logRange(minOf(bars.map((b) => b.from)), maxOf(bars.map((b) => b.to))) : [1, 10];
    this.x = (ms) => left + (right - left) * Math.log(Math.max(lo, ms) / lo) / Math.log(hi / lo);
    this.ms = (x) => lo * (hi / lo) ** ((x - left) / (right - left));
    this.tops = new Map();
    panels.forEach((p, i) => {
      const top = 34 + i * (this.panelHeight + GAP);
      this.tops.set(p, top);
      this.panel(p, top, left, right);
    });
    const bottom = 34 + panels.length * this.panelHeight + (panels.length - 1) * GAP;
    this.bottom = bottom;
    for (const t of logTicks(lo, hi)) {
      if (narrow && String(t)[0] !== '1') continue;
      this.picture.append(svg('line', { class: 'tick', x1: this.x(t), x2: this.x(t), y1: bottom, y2: bottom + 4 }),
        svg('text', { class: 'label', x: this.x(t), y: bottom + 17, 'text-anchor': this.x(t) > right - 16 ? 'end' : 'middle' }, millis(t)));
    }
    this.picture.append(svg('text', { class: 'label unit', x: left, y: bottom + 34 }, 'response time, logarithmic scale'));
    return bottom + 40;
  }

  panel(p, top, left, right) {
    const bottom = top + this.panelHeight;
    const total = p.bars.reduce((n, b) => n + b.count, 0);
    const ticks = linearTicks(100 * maxOf(p.bars.map((b) => b.count)) / total, 2);
    const highest = ticks[ticks.length - 1];
    const y = (n) => bottom - this.panelHeight * (100 * n / total) / highest;
    for (const t of ticks) {
      const at = bottom - this.panelHeight * t / highest;
      this.picture.append(svg('line', { class: t ? 'grid' : 'axis', x1: left, x2: right, y1: at, y2: at }),
        svg('text', { class: 'label', x: left - 7, y: at + 4, 'text-anchor': 'end' }, number(t) + ' %'));
    }
    this.picture.append(svg('text', { class: 'label unit', x: 0, y: top - 24 },
      svg('tspan', { class: 'label name ' + p.cls }, p.label), svg('tspan', { dx: 8 }, count(total) + ' invocations')));
    for (const b of p.bars) {
      const x = this.x(b.from);
      this.picture.append(svg('rect', { class: 'bar ' + p.cls, x: x.toFixed(1), width: Math.max(1, this.x(b.to) - x - 0.6).toFixed(1), y: y(b.count).toFixed(1), height: Math.max(0.8, bottom - y(b.count)).toFixed(1) }));
    }
    this.quantiles(p, top, right);
  }

  // quantiles marks p50 and p99, each with its name on the side that has room:
  // the two lie close together when the distribution is narrow.
  quantiles(p, top, right) {
    const a = this.x(p.summary.p50), b = this.x(p.summary.p99);
    const write = (name, ms, x) => {
      const text = svg('text', { class: 'label strong', y: top - 9 }, `${name} ${millis(ms)}`);
      this.picture.append(svg('line', { class: 'quantile', x1: x, x2: x, y1: top - 19, y2: top + this.panelHeight }), text);
      return { text, wide: text.getComputedTextLength() };
    };
    const put = ({ text, wide }, x, after) => text.setAttribute('x', after ? x + 5 : x - 5 - wide);
    const p50 = write('p50', p.summary.p50, a), p99 = write('p99', p.summary.p99, b);
    const after = b + p99.wide + 8 < right;
    // With both names on the left and the lines close, the names stand in a row
    // before the first line, in the order of the lines.
    const crowded = !after && a > b - p99.wide - 10;
    put(p99, crowded ? a : b, after);
    put(p50, crowded ? a - p99.wide - 8 : a, after && a + p50.wide + 8 < b);
  }

  // at finds the panel and the bar; place is [panel, bar].
  at(x, y) {
    const shown = [...this.tops];
    const found = shown.findLast(([, top]) => y >= top - 20) || shown[0];
    if (!found) return null;
    const ms = this.ms(x);
    const bars = found[0].bars;
    const i = bars.findIndex((b) => ms <= b.to);
    return [this.panels.indexOf(found[0]), i < 0 ? bars.length - 1 : i];
  }

  step(place, right, down) {
    const shown = this.panels.filter((p) => this.shows(p.key));
    if (!shown.length) return null;
    const to = place ? moved(shown.indexOf(this.panels[place[0]]), Math.sign(down), shown.length - 1) : 0;
    return [this.panels.indexOf(shown[to]), moved(place && place[1], right, shown[to].bars.length - 1)];
  }

  mark([p, i]) {
    const panel = this.panels[p];
    const top = this.tops.get(panel);
    if (top === undefined) return { x: 0, y: 0 };
    const bar = panel.bars[i];
    const x = this.x(bar.from);
    this.cursor.replaceChildren(svg('rect', { class: 'pick', x: x - 1, width: Math.max(3, this.x(bar.to) - x + 1), y: top, height: this.panelHeight }));
    return { x: this.x(bar.to), y: top + 20 };
  }

  about([p, i]) {
    const { bars, label, cls } = this.panels[p];
    const total = bars.reduce((n, b) => n + b.count, 0);
    const upTo = bars.slice(0, i + 1).reduce((n, b) => n + b.count, 0);
    return {
      title: `${millis(bars[i].from)} – ${millis(bars[i].to)}`,
      rows: [{ cls, label: label.toLowerCase(), text: `${count(bars[i].count)} (${share(bars[i].count, total)})` },
        { label: 'up to here', text: share(upTo, total) }],
    };
  }

  table() {
    const rows = this.panels.flatMap((p) => p.bars.map((b) => [p.label, number(b.from), number(b.to), count(b.count)]));
    return { head: ['series', 'above, ms', 'up to, ms', 'invocations'], rows };
  }
}

// merge joins the buckets of the format into bars: as many a decade as the
// samples can fill and the spread needs. A bar's edges are those of buckets.
function merge(buckets) {
  const total = buckets.reduce((n, b) => n + b.count, 0);
  const number50 = (le) => Math.round(PER_DECADE * Math.log10(le));
  if (!buckets.length) return [];
  const spread = number50(buckets[buckets.length - 1].le_ms) - number50(buckets[0].le_ms) + 1;
  const join = spread < 30 && total > 200 ? 1 : total > 2000 ? 2 : 5;
  const bars = [];
  for (const b of buckets) {
    const n = Math.ceil(number50(b.le_ms) / join);
    const last = bars[bars.length - 1];
    if (last && last.n === n) last.count += b.count;
    else bars.push({ n, from: 10 ** ((n - 1) * join / PER_DECADE), to: 10 ** (n * join / PER_DECADE), count: b.count });
  }
  return bars;
}
