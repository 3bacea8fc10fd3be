// Claims of an experiment: what was said, what was found, and whether it holds.

// claimCards writes claims as cards, to stand beside a chart.
function claimCards(claims) {
  return el('div', { class: 'cards' }, claims.map((c) => el('article', { class: c.holds ? 'card' : 'card fails' },
    el('p', { class: 'verdict-line' }, verdict(c.holds)),
    el('h3', {}, c.claim),
    el('p', { class: 'measured' }, c.measured),
    el('p', { class: 'origin' }, el('span', { class: 'kind ' + (c.kind === 'modelled' ? 'modelled' : 'observed') }, c.kind),
      c.kind === 'modelled' ? ' put in, not observed. ' : ' observed on this machine. ', c.source ? 'Source: ' + c.source : ''))));
}

// experimentHead stands above the runs of an experiment: all verdicts at a
// glance, each leading to its run.
function experimentHead(title, pages) {
  const claims = pages.flatMap((p, i) => p.claims.map((c) => ({ ...c, run: i })));
  const hold = claims.filter((c) => c.holds).length;
  return el('header', { class: 'experiment' },
    el('h1', {}, title),
    claims.length ? el('p', { class: 'sentence' }, hold === claims.length ? `All ${count(hold)} claims hold.` : `${count(hold)} of ${count(claims.length)} claims hold.`) : '',
    claims.length ? scroller('Claims', table(['claim', 'verdict', 'measured', 'kind'],
      claims.map((c) => [el('a', { href: `#r${c.run}-run` }, c.claim), verdict(c.holds), c.measured, c.kind]), [1, 2, 3])) : '',
    pages.length > 1 ? el('nav', { 'aria-label': 'Runs' }, pages.map((p, i) => el('a', { href: `#r${i}-run` }, p.title || 'Run ' + (i + 1)))) : '');
}
