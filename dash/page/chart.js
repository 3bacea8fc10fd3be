// Chart is what all charts have in common: the caption, the legend that
// filters, hovering and the arrow keys, and the table behind.
//
//   update(data) ─▶ draw(width) ─▶ the picture
//   pointer, keys ─▶ at(x, y) or step(…) ─▶ mark(place) + about(place) ─▶ tooltip
//
// A chart class gives draw, and for reading: at, step, mark, about and table.

// Below this width a chart has smaller margins and fewer ticks.
const NARROW = 440;

class Chart {
  // about is {id, title, question, height, legend: [{key, label, cls, shape}]}.
  // question is the one that the picture answers.
  constructor(about) {
    Object.assign(this, about);
    this.hidden = new Set();
    this.width = 0;
    this.place = null; // what the crosshair is on
    this.picture = svg('svg', { class: 'picture' });
    this.plot = el('div', {
      class: 'plot', tabindex: 0, role: 'group', 'aria-roledescription': 'chart',
      'aria-label': this.title + '. ' + this.question + ' The arrow keys read it point by point; a table follows.',
      onpointermove: (e) => this.point(e), onpointerdown: (e) => this.point(e),
      onpointerleave: () => this.leave(), onblur: () => this.leave(), onkeydown: (e) => this.key(e),
    }, this.picture);
    this.keys = el('div', { class: 'legend', role: 'group', 'aria-label': 'Show in ' + this.title });
    this.empty = el('p', { class: 'empty', hidden: true });
    this.rows = el('div', {});
    this.behind = el('details', { class: 'behind', ontoggle: () => this.refill() }, el('summary', {}, 'Table'), this.rows);
    this.node = el('figure', { class: 'chart', id: this.id },
      el('figcaption', {}, el('h3', {}, this.title), el('p', {}, this.question)), this.keys, this.plot, this.empty, this.behind);
    onWidth(this.plot, (width) => {
      this.width = width;
      this.redraw();
    });
  }

  // update takes new data and draws again. why is set when there is nothing to
  // draw, and says so.
  update(data, why) {
    this.data = data;
    this.plot.hidden = this.keys.hidden = this.behind.hidden = Boolean(why);
    this.empty.hidden = !why;
    this.empty.textContent = why || '';
    if (why) return;
    this.refill();
    this.legendButtons();
    this.redraw();
  }

  redraw() {
    if (!this.width || !this.data || this.plot.hidden) return;
    const height = this.draw(this.width);
    this.picture.setAttribute('viewBox', `0 0 ${this.width} ${height}`);
    this.cursor = svg('g', { class: 'cursor' });
    this.picture.append(this.cursor);
    if (this.place !== null) this.mark(this.place);
  }

  // legendButtons makes the legend once, and again when its entries change.
  legendButtons() {
    const entries = this.entries ? this.entries() : this.legend;
    const names = entries.map((e) => e.key + e.label).join();
    if (names === this.made) return;
    this.made = names;
    this.keys.replaceChildren(...entries.map((entry) => el('button', {
      type: 'button', 'aria-pressed': String(!this.hidden.has(entry.key)), 'data-key': entry.key,
      onclick: (e) => this.toggle(entry.key, e.currentTarget),
    }, el('span', { class: `swatch ${entry.cls} ${entry.shape || ''}` }), entry.label)));
  }

  toggle(key, button) {
    if (!this.hidden.delete(key)) this.hidden.add(key);
    button.setAttribute('aria-pressed', String(!this.hidden.has(key)));
    this.redraw();
  }

  shows(key) {
    return !this.hidden.has(key);
  }

  // refill writes the table, only while it is open: it can have 2,000 rows.
  refill() {
    if (!this.behind.open || !this.data) return;
    const { head, rows, words, note } = this.table();
    this.rows.replaceChildren(scroller('Table of ' + this.title, table(head, rows, words)), note ? el('p', { class: 'note' }, note) : '');
  }

  point(event) {
    const box = this.picture.getBoundingClientRect();
    const zoom = this.width / box.width; // not 1 while printing or zoomed
    this.go(this.at((event.clientX - box.left) * zoom, (event.clientY - box.top) * zoom), event.clientX, event.clientY);
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [-Infinity, 0], End: [Infinity, 0], PageUp: [-10, 0], PageDown: [10, 0] };
    if (event.key === 'Escape') return this.leave();
    if (!moves[event.key]) return;
    const place = this.step(this.place, ...moves[event.key]);
    if (place === null) return;
    event.preventDefault();
    const box = this.picture.getBoundingClientRect();
    const at = this.mark(place);
    this.go(place, box.left + at.x * box.width / this.width, box.top + at.y * box.width / this.width, true);
  }

  // go moves the crosshair to a place; x and y are where the tooltip goes.
  go(place, x, y, spoken) {
    if (place === null) return this.leave();
    this.place = place;
    this.mark(place);
    tip.show(x, y, this.about(place), spoken);
  }

  leave() {
    this.place = null;
    if (this.cursor) this.cursor.replaceChildren();
    tip.hide();
  }
}

// moved is where a key leads in a list that ends with last: from nowhere to the
// end that the key points to or comes from.
function moved(place, by, last) {
  if (place === null) return by === -1 || by === Infinity ? last : 0;
  return Math.max(0, Math.min(last, place + by));
}

// timeAxis draws the axis of offsets below a plot and returns its scale.
function timeAxis(into, span, left, right, bottom, narrow) {
  const scale = (t) => left + (right - left) * t / span;
  const { ticks, step } = timeTicks(span, narrow ? 4 : 8);
  for (const t of ticks) {
    into.append(svg('line', { class: 'tick', x1: scale(t), x2: scale(t), y1: bottom, y2: bottom + 4 }),
      svg('text', { class: 'label', x: scale(t), y: bottom + 17, 'text-anchor': t === 0 ? 'start' : scale(t) > right - 16 ? 'end' : 'middle' }, offset(t, step)));
  }
  into.append(svg('line', { class: 'axis', x1: left, x2: right, y1: bottom, y2: bottom }));
  return scale;
}
