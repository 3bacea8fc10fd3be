// Puts the page together from the document in #data:
//
//   {title, live, pages: [{title, claims, shown, result}], comparison}
//
// and, on a live page, follows the feed.

function start() {
  const doc = JSON.parse(document.getElementById('data').textContent);
  const root = document.getElementById('page');
  document.body.append(tip.node, tip.voice);
  // A style sheet for paper cannot reach the canvas, which is redrawn before
  // printing: until then the page must already have the colours of paper.
  addEventListener('beforeprint', () => document.documentElement.classList.add('printing'));
  addEventListener('afterprint', () => document.documentElement.classList.remove('printing'));
  addEventListener('scroll', () => tip.hide(), { passive: true });

  const [a, b] = doc.pages;
  const several = doc.pages.length > 1 || Boolean(doc.comparison);
  const bar = el('div', { class: 'bar-top' }, el('span', { class: 'brand' }, 'thaw'));
  root.append(bar);
  if (doc.comparison) root.append(compareView(doc.comparison, a.result, b.result));
  else if (several || doc.pages.some((p) => p.claims.length)) root.append(experimentHead(doc.title, doc.pages));
  const single = doc.pages.length === 1 && !doc.comparison && !doc.pages[0].claims.length;
  const views = doc.pages.map((p, i) => new RunView({ ...p, title: doc.pages.length === 1 && !single ? 'The run behind it' : p.title, folded: Boolean(doc.comparison) }, `r${i}-`, !single));
  doc.pages.forEach((p, i) => {
    if (p.result) views[i].update(p.result);
    root.append(views[i].node);
  });
  bar.append(saveButton(doc, views));
  if (doc.live) follow(doc, views[0], bar);
  document.documentElement.dataset.ready = performance.now().toFixed(0);
}

// saveButton hands out the JSON behind the page, as on the page.
function saveButton(doc, views) {
  return el('button', {
    type: 'button', class: 'save', onclick: () => views.forEach((v, i) => {
      if (!v.result) return;
      const url = URL.createObjectURL(new Blob([JSON.stringify(v.result)], { type: 'application/json' }));
      el('a', { href: url, download: `thaw-run${views.length > 1 ? '-' + (i + 1) : ''}.json` }).click();
      URL.revokeObjectURL(url);
    }),
  }, 'Save as JSON');
}

// follow keeps a live page up to date. The browser connects again by itself
// when the feed breaks off; the server says when the run is over.
function follow(doc, view, bar) {
  const state = el('span', { class: 'state', role: 'status' }, 'connecting');
  bar.prepend(state);
  const wait = el('p', { class: 'empty' }, 'Waiting for the first figures of the run.');
  if (!view.result) {
    view.node.hidden = true;
    view.node.before(wait);
  }
  const set = (name, text) => {
    state.className = 'state ' + name;
    state.textContent = text;
  };
  const feed = new EventSource(doc.live);
  feed.addEventListener('open', () => set('on', 'live'));
  feed.addEventListener('error', () => set('off', 'connection lost, trying again'));
  feed.addEventListener('result', (event) => {
    set('on', 'live');
    wait.remove();
    view.node.hidden = false;
    view.update(JSON.parse(event.data));
  });
  feed.addEventListener('end', () => {
    feed.close();
    set('done', 'the run is over');
  });
}

start();
