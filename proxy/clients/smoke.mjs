// What the smoke scripts of both Node.js clients share: the target, the steps,
// and the harness that cuts connections.
import assert from 'node:assert/strict';

export const host = process.env.THAW_SMOKE_HOST;
export const port = Number(process.env.THAW_SMOKE_PORT);
export const control = process.env.THAW_SMOKE_CONTROL ?? '';

export const keysOf = (client) => (name) => `${client}:${process.pid}:${name}`;
export const step = (what) => console.log('ok', what);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const cut = async (side) => (await fetch(`${control}/cut/${side}`)).text();

// Fails with what was asked, got and wanted.
export function expect(what, got, want) {
  assert.deepEqual(got, want, `FAIL ${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(want)}`);
}

export async function rejects(what, promise, pattern) {
  try {
    await promise;
  } catch (error) {
    if (pattern.test(String(error?.name) + ' ' + String(error?.message))) return;
    throw new Error(`FAIL ${what}: ${error}, wanted an error like ${pattern}`);
  }
  throw new Error(`FAIL ${what}: no error, wanted one like ${pattern}`);
}

// Asks until the answer is right: reconnects and invalidations take a moment.
export async function eventually(what, ask, want, limit = 5000) {
  const end = Date.now() + limit;
  for (;;) {
    let got;
    try { got = await within(1000, ask()); } catch (error) { got = error; }
    if (got === want) return;
    if (Date.now() > end) throw new Error(`FAIL ${what}: still ${got} after ${limit} ms, wanted ${want}`);
    await sleep(50);
  }
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new Error(`no answer within ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A value that a callback delivers, or an error after a while.
export function mailbox() {
  const got = [], waiting = [];
  return {
    put: (v) => (waiting.length ? waiting.shift()(v) : got.push(v)),
    take: (what) => within(5000, got.length ? Promise.resolve(got.shift()) : new Promise((done) => waiting.push(done)))
      .catch(() => { throw new Error(`FAIL ${what}: nothing came within 5 s`); }),
  };
}

// Runs the steps in order; the first error ends the program with 1. A client
// that is still open must not keep it alive.
export async function run(parts) {
  const limit = setTimeout(() => { console.error('FAIL the script did not end within 40 s'); process.exit(1); }, 40_000);
  limit.unref();
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      console.error(`FAIL in ${part.name}: ${error?.stack ?? error}`);
      process.exit(1);
    }
  }
  process.exit(0);
}
