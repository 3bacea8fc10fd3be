// Shares draws one bar whose parts are who answered the invocations.
//
//   update([{key, label, cls, value}])

class Shares extends Chart {
  update(parts) {
    this.parts = parts.filter((p) => p.value > 0);
    super.update(parts, this.parts.length ? '' : 'The handler named no source in its answers.');
  }

  entries() {
    return this.parts;
  }

  visible() {
    return this.parts.filter((p) => this.shows(p.key));
  }

  draw(width) {
    const total = this.visible().reduce((n, p) => n + p.value, 0);
    this.picture.replaceChildren();
    this.boxes = [];
    let x = 0;
    for (const p of this.visible()) {
      const w = width * p.value / total;
      this.boxes.push({ part: p, x, w });
      this.picture.append(svg('rect', { class: 'bar ' + p.cls, x, y: 2, width: Math.max(1, w - 1.5), height: 30, rx: 2 }));
      // The name stands in the bar where it fits, else the share alone; about 8 px a letter.
      const text = [`${p.label} ${share(p.value, total)}`, share(p.value, total)].find((t) => w > 20 + 8 * t.length);
      if (text) this.picture.append(svg('text', { class: 'label on', x: x + 10, y: 21.5 }, text));
      x += w;
    }
    return 36;
  }

  at(x) {
    const i = this.boxes.findIndex((b) => x <= b.x + b.w);
    return this.boxes.length === 0 ? null : i < 0 ? this.boxes.length - 1 : i;
  }

  step(place, right) {
    if (!this.boxes.length) return null;
    return moved(place, right, this.boxes.length - 1);
  }

  mark(i) {
    const box = this.boxes[i];
    if (!box) return { x: 0, y: 0 };
    this.cursor.replaceChildren(svg('rect', { class: 'pick', x: box.x, y: 0, width: Math.max(2, box.w), height: 34 }));
    return { x: box.x + box.w / 2, y: 17 };
  }

  about(i) {
    const total = this.parts.reduce((n, p) => n + p.value, 0);
    const { part } = this.boxes[i];
    return { title: part.label, rows: [{ cls: part.cls, label: 'answered', text: `${count(part.value)} (${share(part.value, total)})` }] };
  }

  table() {
    const total = this.parts.reduce((n, p) => n + p.value, 0);
    return { head: ['answered by', 'invocations', 'share'], rows: this.parts.map((p) => [p.label, count(p.value), share(p.value, total)]) };
  }
}
