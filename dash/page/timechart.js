// TimeChart draws columns of the timeline: lines, or areas on top of each
// other; marks in lanes below; and a limit.
//
//   series(data) returns {
//     t, interval, span       offsets of the rows, and the length of the run, ms
//     lines: [{key, label, cls, values, step}]    null in values is a gap
//     areas: [{key, label, cls, values}]          stacked in this order
//     marks: [{key, label, cls, values}]          a lane of ticks where > 0
//     limit: {value, label} or null
//     unit, format, log, whole                    of the y axis
//   }

class TimeChart extends Chart {
  constructor(about) {
    super({ height: 240, ...about });
  }

  update(data) {
    this.of = data ? this.series(data) : null;
    super.update(data, this.of && this.of.t.length ? this.of.why : 'This run has no timeline.');
  }

  // entries of the legend: what this run has.
  entries() {
    const { lines = [], areas = [], marks = [] } = this.of;
    return [...lines.map((s) => ({ ...s, shape: 'line' })), ...[...areas].reverse(), ...marks.map((s) => ({ ...s, shape: 'tick' }))];
  }

  draw(width) {
    const s = this.of;
    const narrow = width < NARROW;
    const marks = (s.marks || []).filter((m) => this.shows(m.key));
    const names = [...(s.lines || []), ...(s.areas || []), ...marks].map((n) => (n.short || n.label).length);
    const frame = { left: 46, right: width - (narrow ? 14 : 18 + 7.4 * maxOf(names)), top: 24, bottom: this.height };
    const lanes = marks.length * 15 + (marks.length ? 4 : 0);
    this.frame = frame;
    this.narrow = narrow;
    this.picture.replaceChildren();
    this.stack();
    this.y = this.yAxis(frame);
    const axis = svg('g', {});
    this.x = timeAxis(axis, s.span, frame.left, frame.right, frame.bottom + lanes, narrow);
    this.drawAreas();
    this.drawLines();
    this.drawLimit(frame);
    marks.forEach((m, i) => this.drawMarks(m, frame.bottom + 4 + 15 * i, frame));
    if (lanes) axis.append(svg('line', { class: 'axis', x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom }));
    this.picture.append(axis);
    if (!narrow) this.directLabels(frame);
    this.foot = frame.bottom + lanes;
    return this.foot + 24;
  }

  // stack sums the visible areas from below.
  stack() {
    const base = this.of.t.map(() => 0);
    for (const a of this.of.areas || []) {
      if (!this.shows(a.key)) continue;
      a.low = base.slice();
      a.values.forEach((v, i) => (base[i] += v));
      a.high = base.slice();
    }
    this.total = base;
  }

  yAxis(f) {
    const s = this.of;
    const visible = (s.lines || []).filter((l) => this.shows(l.key)).flatMap((l) => l.values.filter((v) => v !== null));
    const top = Math.max(maxOf(this.total), maxOf(visible));
    let lo = 0, hi, ticks;
    if (s.log) {
      [lo, hi] = logRange(visible.length ? minOf(visible) : 1, top || 10);
      ticks = logTicks(lo, hi);
    } else {
      // A limit far above the data would flatten it: it is then told in words.
      this.limitFits = s.limit && s.limit.value <= 4 * Math.max(top, 1);
      ticks = linearTicks(this.limitFits ? Math.max(top, s.limit.value * 1.05) : top, 4, s.whole);
      hi = ticks[ticks.length - 1];
    }
    const place = s.log ? (v) => Math.log(v / lo) / Math.log(hi / lo) : (v) => v / hi;
    const y = (v) => f.bottom - (f.bottom - f.top) * Math.min(1, Math.max(0, place(v)));
    for (const t of ticks) {
      this.picture.append(svg('line', { class: 'grid', x1: f.left, x2: f.right, y1: y(t), y2: y(t) }),
        svg('text', { class: 'label', x: f.left - 7, y: y(t) + 4, 'text-anchor': 'end' }, number(t)));
    }
    this.picture.append(svg('text', { class: 'label unit', x: 0, y: 10 }, s.unit));
    return y;
  }

  // end is where row i ends on the picture; the last row ends with the run.
  end(i) {
    return Math.min(this.frame.right, this.x(this.of.t[i] + this.of.interval));
  }

  drawAreas() {
    const { t, areas = [] } = this.of;
    for (const a of areas) {
      if (!this.shows(a.key)) continue;
      const outline = [];
      for (let i = 0; i < t.length; i++) outline.push(point(this.x(t[i]), this.y(a.high[i])), point(this.end(i), this.y(a.high[i])));
      for (let i = t.length - 1; i >= 0; i--) outline.push(point(this.end(i), this.y(a.low[i])), point(this.x(t[i]), this.y(a.low[i])));
      this.picture.append(svg('path', { class: 'area ' + a.cls, d: 'M' + outline.join('L') + 'Z' }));
    }
  }

  // drawLines also draws a dot for a value without neighbours, which a line
  // alone would not show.
  drawLines() {
    const { t, interval, lines = [] } = this.of;
    for (const l of lines) {
      if (!this.shows(l.key)) continue;
      let d = '', pen = false;
      const dots = [];
      l.values.forEach((v, i) => {
        if (v === null) return void (pen = false);
        const x0 = this.x(l.step ? t[i] : t[i] + interval / 2);
        d += (pen ? 'L' : 'M') + point(x0, this.y(v)) + (l.step ? 'L' + point(this.end(i), this.y(v)) : '');
        if (!pen && !l.step && (l.values[i + 1] ?? null) === null) dots.push(svg('circle', { class: 'dot ' + l.cls, cx: x0, cy: this.y(v), r: 2.2 }));
        pen = true;
      });
      this.picture.append(svg('path', { class: 'line ' + l.cls, d }), ...dots);
    }
  }

  drawLimit(f) {
    const { limit } = this.of;
    if (!limit) return;
    if (!this.limitFits) {
      this.picture.append(svg('text', { class: 'label limit', x: f.right, y: 10, 'text-anchor': 'end' }, `${limit.label} ${count(limit.value)}, far above`));
      return;
    }
    const y = this.y(limit.value);
    this.picture.append(svg('line', { class: 'limit', x1: f.left, x2: f.right, y1: y, y2: y }),
      svg('text', { class: 'label limit', x: f.right, y: y - 5, 'text-anchor': 'end' }, `${limit.label} ${count(limit.value)}`));
  }

  // drawMarks draws one tick for each row with something to tell; more of it is
  // a stronger tick.
  drawMarks(m, top, f) {
    const { t, interval } = this.of;
    const most = maxOf(m.values);
    const wide = Math.max(1.6, this.x(interval) - this.x(0) - 0.4);
    m.values.forEach((v, i) => {
      if (v > 0) this.picture.append(svg('rect', { class: 'mark ' + m.cls, x: this.x(t[i]).toFixed(1), y: top, width: wide.toFixed(1), height: 11, opacity: (0.45 + 0.55 * v / most).toFixed(2) }));
    });
    if (!this.narrow) this.picture.append(svg('text', { class: 'label', x: f.right + 8, y: top + 10 }, m.short || m.label));
  }

  // directLabels names lines and areas at their right end, moved apart where
  // they would overlap.
  directLabels(f) {
    const { lines = [], areas = [] } = this.of;
    const labels = [];
    for (const l of lines) {
      const last = l.values.findLast((v) => v !== null);
      if (this.shows(l.key) && last !== undefined) labels.push({ text: l.short || l.label, cls: l.cls, y: this.y(last) });
    }
    for (const a of areas) {
      if (!this.shows(a.key)) continue;
      // An area is named where it ends; one that ends empty is in the legend.
      const i = a.values.length - 1;
      if (this.y(a.low[i]) - this.y(a.high[i]) > 3) labels.push({ text: a.label, cls: a.cls, y: (this.y(a.low[i]) + this.y(a.high[i])) / 2 });
    }
    labels.sort((a, b) => a.y - b.y);
    for (let i = 1; i < labels.length; i++) labels[i].y = Math.max(labels[i].y, labels[i - 1].y + 14);
    for (let i = labels.length - 1, room = f.bottom; i >= 0; i--, room -= 14) labels[i].y = Math.min(labels[i].y, room);
    for (const l of labels) this.picture.append(svg('text', { class: 'label name ' + l.cls, x: f.right + 8, y: l.y + 4 }, l.text));
  }
  at(x) {
    const { t, interval, span } = this.of;
    const time = span * (x - this.frame.left) / (this.frame.right - this.frame.left);
    if (time < -interval || time > span + interval || !t.length) return null;
    return Math.max(0, Math.min(t.length - 1, Math.floor((time - t[0]) / interval)));
  }

  step(place, right) {
    return moved(place, right, this.of.t.length - 1);
  }

  mark(i) {
    const { t, interval, lines = [] } = this.of;
    if (i >= t.length) return { x: 0, y: 0 };
    const x = Math.min(this.frame.right, this.x(t[i] + interval / 2));
    this.cursor.replaceChildren(svg('line', { class: 'hair', x1: x, x2: x, y1: this.frame.top, y2: this.foot }),
      ...lines.filter((l) => this.shows(l.key) && l.values[i] !== null).map((l) => svg('circle', { class: 'at ' + l.cls, cx: x, cy: this.y(l.values[i]), r: 3.5 })));
    return { x, y: this.frame.top + 20 };
  }

  about(i) {
    const { t, interval, lines = [], areas = [], marks = [], limit, format } = this.of;
    const figures = [...lines, ...[...areas].reverse()].filter((s) => this.shows(s.key));
    const rows = figures.map((s) => ({ cls: s.cls, label: s.label, text: s.values[i] === null ? '–' : format(s.values[i]) }));
    for (const m of marks) if (this.shows(m.key) && m.values[i] > 0) rows.push({ cls: m.cls, label: m.label, text: count(m.values[i]) });
    if (limit) rows.push({ cls: 'limit', label: limit.label, text: count(limit.value) });
    return { title: offset(t[i], interval) + ' – ' + offset(t[i] + interval, interval), rows };
  }

  table() {
    const { t, interval, lines = [], areas = [], marks = [], format } = this.of;
    const all = [...lines, ...areas, ...marks];
    const write = (s, i) => (s.values[i] === null ? '–' : marks.includes(s) ? count(s.values[i]) : format(s.values[i]));
    return { head: ['from', ...all.map((s) => s.label)], rows: t.map((from, i) => [offset(from, interval), ...all.map((s) => write(s, i))]) };
  }
}

function point(x, y) {
  return x.toFixed(1) + ' ' + y.toFixed(1);
}

// maxOf and minOf take lists that are too long for Math.max's arguments.
function maxOf(list) {
  return list.reduce((a, b) => (b > a ? b : a), 0);
}

function minOf(list) {
  return list.reduce((a, b) => (b < a ? b : a), Infinity);
}
