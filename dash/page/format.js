// How numbers are written, and where the ticks of an axis are. Nothing here
// touches the page.

const NBSP = '\u00a0';

// count writes whole numbers with separators between thousands.
function count(n) {
  return Math.round(n).toLocaleString('en-US');
}

// number writes three significant digits, as far as they matter.
function number(v) {
  if (v === 0) return '0';
  const size = Math.abs(v);
  if (size >= 100) return count(v);
  if (size >= 10) return v.toFixed(1).replace(/\.0$/, '');
  if (size >= 1) return v.toFixed(2).replace(/\.?0+$/, '');
  return String(Number(v.toPrecision(3)));
}

// millis writes a duration; from 10 s on in seconds.
function millis(v) {
  return v >= 10000 ? number(v / 1000) + NBSP + 's' : number(v) + NBSP + 'ms';
}

function share(part, whole) {
  if (!whole) return '–';
  const percent = 100 * part / whole;
  const near = percent > 0 && percent < 0.1 ? '< 0.1' : percent > 99.9 && percent < 100 ? '> 99.9' : percent.toFixed(1);
  return near.replace(/\.0$/, '') + NBSP + '%';
}

function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return number(n) + NBSP + units[unit];
}

// offset writes a time since the start of the run; step is how far the next
// one is, which says how many digits are of use.
function offset(ms, step) {
  if (step >= 60000) return number(ms / 60000) + NBSP + 'min';
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  return (ms / 1000).toFixed(digits) + NBSP + 's';
}

// linearTicks returns round numbers from zero to at least max, about n of
// them. whole: no fractions, for counts.
function linearTicks(max, n, whole) {
  if (!(max > 0)) max = 1;
  const rough = max / n;
  const decade = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 2.5, 5, 10].find((s) => s * decade >= rough) * decade;
  if (whole) step = Math.max(1, Math.ceil(step));
  const ticks = [];
  for (let i = 0; ; i++) {
    const tick = Number((i * step).toPrecision(12));
    ticks.push(tick);
    if (tick >= max) return ticks;
  }
}

// logTicks returns 1, 2 and 5 of each decade between lo and hi; only 1 when
// there are many decades.
function logTicks(lo, hi) {
  const decades = Math.log10(hi / lo);
  const steps = decades > 4 ? [1] : decades > 2.2 ? [1, 3] : [1, 2, 5];
  const ticks = [];
  for (let d = Math.floor(Math.log10(lo)); d <= Math.ceil(Math.log10(hi)); d++) {
    for (const s of steps) {
      const tick = Number((s * 10 ** d).toPrecision(3));
      if (tick >= lo * 0.999 && tick <= hi * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

// logRange widens [lo, hi] to numbers worth a tick, at least a factor of ten
// apart.
function logRange(lo, hi) {
  const nice = [1, 2, 5, 10];
  const down = 10 ** Math.floor(Math.log10(lo));
  const up = 10 ** Math.floor(Math.log10(hi));
  let from = [...nice].reverse().find((n) => n * down <= lo * 1.0001) * down;
  let to = nice.find((n) => n * up >= hi * 0.9999) * up;
  while (to / from < 9.99) {
    if (to / hi <= lo / from) to *= 2;
    else from /= 2;
  }
  return [Number(from.toPrecision(3)), Number(to.toPrecision(3))];
}

// timeTicks returns round offsets up to span, about n of them.
function timeTicks(span, n) {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5, 432e5, 864e5];
  const step = steps.find((s) => span / s <= n) || span / n;
  const ticks = [];
  for (let t = 0; t <= span * 1.0001; t += step) ticks.push(t);
  return { ticks, step };
}
