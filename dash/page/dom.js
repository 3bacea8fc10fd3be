// Making elements, the one tooltip, and the voice for screen readers. Text from
// the result only ever becomes a text node or an attribute: never markup.

const SVG = 'http://www.w3.org/2000/svg';

// el makes an HTML element. Attributes that are null or false are left out;
// children are nodes or text.
function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// svg makes an SVG element.
function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

// table makes a table: head is a list of names, rows of lists of cells. A cell
// is text or a node; from the second column on they are figures, unless the
// column is listed in words.
function table(head, rows, words = []) {
  const kind = (i) => (i === 0 || words.includes(i) ? 'word' : 'figure');
  return el('table', {},
    el('thead', {}, el('tr', {}, head.map((h, i) => el('th', { scope: 'col', class: kind(i) }, h)))),
    el('tbody', {}, rows.map((cells) => el('tr', {}, cells.map((c, i) =>
      el(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : null, class: kind(i) }, c))))));
}

// scroller keeps a wide table from widening the page; it can be scrolled with
// the keyboard.
function scroller(label, ...children) {
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, children);
}

// tip is the tooltip, shared by all charts. It follows a point of the page and
// is also announced, for readers who got there with the keyboard.
const tip = {
  node: el('div', { class: 'tip', role: 'presentation', hidden: true }),
  voice: el('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' }),

  // show puts the tooltip beside a point of the window. about is
  // {title, rows: [{cls, label, text}]}.
  show(x, y, about, spoken) {
    this.node.replaceChildren(
      el('strong', {}, about.title),
      ...about.rows.map((r) => el('div', { class: 'tip-row' },
        el('span', { class: 'swatch ' + (r.cls || 'none') }), el('span', {}, r.label), el('b', {}, r.text))));
    this.node.hidden = false;
    const box = this.node.getBoundingClientRect();
    const gap = 14;
    const left = x + gap + box.width > innerWidth ? x - gap - box.width : x + gap;
    this.node.style.left = Math.max(4, left) + 'px';
    this.node.style.top = Math.max(4, Math.min(innerHeight - box.height - 4, y - box.height / 2)) + 'px';
    if (spoken) this.voice.textContent = about.title + ': ' + about.rows.map((r) => r.label + ' ' + r.text).join(', ');
  },

  hide() {
    this.node.hidden = true;
  },
};

// onWidth calls draw when the element gets a width, and when it changes.
function onWidth(node, draw) {
  let last = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width === last || width === 0) return;
    last = width;
    draw(width);
  }).observe(node);
}
