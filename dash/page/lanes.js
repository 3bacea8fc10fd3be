// Lanes draws one line for each environment: when it was cold, busy and frozen.
// The lines are a canvas, since 500 environments have 200,000 cells; axis and
// crosshair are the SVG above it.
//
//   update({environments, span}) with the result's environments_detail

const STATES = [
  { key: 'cold', label: 'Cold: starting', cls: 'cold' },
  { key: 'busy', label: 'Busy', cls: 'busy' },
  { key: 'frozen', label: 'Frozen: idle', cls: 'frozen' },
];

class Lanes extends Chart {
  constructor(about) {
    super({ ...about, legend: STATES });
    this.canvas = el('canvas', { 'aria-hidden': 'true' });
    this.plot.prepend(this.canvas);
    this.plot.classList.add('lanes');
    // Colours of a canvas do not follow the style sheet by themselves.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
    addEventListener('beforeprint', () => this.redraw());
    addEventListener('afterprint', () => this.redraw());
  }

  update(data) {
    this.list = data.environments.map((e) => ({ ...e, activity: e.activity && e.activity.column_ms > 0 ? e.activity : { column_ms: 0, first_ms: 0, busy: '' } }));
    this.list.sort((a, b) => a.started_ms - b.started_ms);
    this.span = data.span;
    super.update(data, this.list.length ? '' : 'No environment was recorded.');
  }

  end(e) {
    return e.ended_ms || this.span;
  }

  draw(width) {
    const narrow = width < NARROW;
    const n = this.list.length;
    this.row = Math.max(1, Math.min(16, Math.floor(560 / n)));
    const named = this.row >= 11 && !narrow;
    this.frame = { left: named ? 132 : 46, right: width - 14, top: 6, bottom: 6 + n * this.row };
    this.picture.replaceChildren();
    this.x = timeAxis(this.picture, this.span, this.frame.left, this.frame.right, this.frame.bottom + 2, narrow);
    if (named) {
      this.list.forEach((e, i) => this.picture.append(svg('text', { class: 'label', x: this.frame.left - 8, y: this.frame.top + (i + 0.5) * this.row + 4, 'text-anchor': 'end' }, clip(e.id, 19))));
    } else {
      for (const i of n > 1 ? [0, n - 1] : [0]) this.picture.append(svg('text', { class: 'label', x: this.frame.left - 7, y: this.frame.top + (i + 0.5) * this.row + 4, 'text-anchor': 'end' }, count(i + 1)));
    }
    this.paint(width, this.frame.bottom + 26);
    return this.frame.bottom + 26;
  }

  paint(width, height) {
    const sharp = Math.max(2, devicePixelRatio || 1); // at least 2, for paper
    this.canvas.width = width * sharp;
    this.canvas.height = height * sharp;
    const ctx = this.canvas.getContext('2d');
    ctx.scale(sharp, sharp);
    const style = getComputedStyle(this.node);
    const colour = (name) => style.getPropertyValue('--' + name).trim();
    const tones = Array.from({ length: 10 }, (_, d) => 0.2 + 0.8 * d / 9); // of busy, by digit
    const busy = colour('busy'), frozen = colour('frozen'), cold = colour('cold');
    const gap = this.row >= 6 ? 2 : this.row >= 3 ? 1 : 0;
    this.list.forEach((e, i) => {
      const y = this.frame.top + i * this.row, h = this.row - gap;
      const bar = (from, to, fill, alpha = 1) => {
        const x0 = this.x(Math.max(0, from)), x1 = this.x(Math.min(this.span, to));
        ctx.globalAlpha = alpha;
        ctx.fillStyle = fill;
        if (x1 > x0) ctx.fillRect(x0, y, Math.max(x1 - x0, 0.75), h);
      };
      const ready = e.started_ms + e.init_ms;
      if (this.shows('frozen')) bar(ready, this.end(e), frozen);
      if (this.shows('busy')) {
        runs(e.activity, (from, to, digit) => bar(Math.max(from, ready), Math.min(to, this.end(e)), busy, tones[digit]));
      }
      if (this.shows('cold')) bar(e.started_ms, ready, cold);
    });
  }

  at(x, y) {
    const i = Math.floor((y - this.frame.top) / this.row);
    if (i < 0 || i >= this.list.length || x < this.frame.left - 2 || x > this.frame.right + 2) return null;
    return [i, this.span * (x - this.frame.left) / (this.frame.right - this.frame.left)];
  }

  step(place, right, down) {
    const hundredth = this.span / 100; // a step in time
    const column = moved(place && Math.round(place[1] / hundredth), right, 100);
    return [place ? moved(place[0], down, this.list.length - 1) : 0, column * hundredth];
  }

  mark([i, t]) {
    if (i >= this.list.length) return { x: 0, y: 0 };
    const x = this.x(t), y = this.frame.top + i * this.row;
    this.cursor.replaceChildren(svg('line', { class: 'hair', x1: x, x2: x, y1: this.frame.top, y2: this.frame.bottom }),
      svg('rect', { class: 'pick', x: this.frame.left, y: y - 1, width: this.frame.right - this.frame.left, height: Math.max(3, this.row + 1) }));
    return { x, y };
  }

  about([i, t]) {
    const e = this.list[i];
    const state = stateAt(e, t, this.end(e));
    const rows = [
      { cls: state.cls, label: 'at ' + offset(t, this.span / 100), text: state.text },
      { label: 'init', text: millis(e.init_ms) },
      { label: 'invocations', text: count(e.invocations) },
      { label: 'connections, peak', text: count(e.connections_peak) },
    ];
    if (e.ended) rows.push({ label: 'ended', text: e.ended_ms ? `${offset(e.ended_ms, 100)}, ${e.ended}` : e.ended });
    return { title: e.id, rows };
  }

  table() {
    const rows = this.list.map((e) => [e.id, e.function, offset(e.started_ms, 1), number(e.init_ms), count(e.invocations), busyShare(e, this.end(e)),
      count(e.connections_peak), e.ended_ms ? offset(e.ended_ms, 100) : '–', e.ended]);
    return { head: ['environment', 'function', 'started', 'init, ms', 'invocations', 'busy', 'connections', 'ended', 'why'], rows, words: [1, 8] };
  }
}

// runs calls with each stretch of columns that are equally busy: fewer
// rectangles than columns.
function runs({ column_ms: width, first_ms: first, busy }, call) {
  for (let i = 0, j; i < busy.length; i = j) {
    for (j = i + 1; j < busy.length && busy[j] === busy[i]; j++);
    const digit = busy.charCodeAt(i) - 48;
    if (digit > 0 && digit < 10) call(first + i * width, first + j * width, digit);
  }
}

function stateAt(e, t, end) {
  if (t < e.started_ms) return { cls: 'none', text: 'not started' };
  if (t < e.started_ms + e.init_ms) return { cls: 'cold', text: 'cold: init' };
  if (t > end) return { cls: 'none', text: 'gone' };
  const { column_ms: width, first_ms: first, busy } = e.activity;
  if (!width) return { cls: 'frozen', text: 'alive' };
  const digit = Number(busy[Math.floor((t - first) / width)] || 0);
  if (!digit) return { cls: 'frozen', text: 'frozen' };
  return { cls: 'busy', text: digit === 9 ? 'busy' : `busy up to ${Math.round(100 * digit / 9)} % of ${millis(width)}` };
}

// busyShare is approximate: a column's digit is the upper end of a ninth.
function busyShare(e, end) {
  const { column_ms: width, busy } = e.activity;
  let sum = 0;
  runs(e.activity, (from, to, digit) => (sum += (to - from) * (digit - 0.5) / 9));
  return width && busy ? 'about ' + share(Math.min(sum, end - e.started_ms), end - e.started_ms) : '–';
}

function clip(text, most) {
  return text.length > most ? '…' + text.slice(1 - most) : text;
}
