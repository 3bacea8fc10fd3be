// Runs node-redis through THAW_SMOKE_HOST:THAW_SMOKE_PORT.
import { createClient } from 'redis';
import { control, cut, eventually, expect, host, keysOf, mailbox, port, rejects, run, sleep, step } from './smoke.mjs';

const key = keysOf('node-redis');

async function client(options = {}) {
  const c = createClient({ RESP: 3, ...options, socket: { host, port, reconnectStrategy: () => 50 } });
  c.on('error', () => {}); // reconnecting is its own business; wrong answers are ours
  await c.connect();
  return c;
}

async function handshake() {
  for (const RESP of [2, 3]) {
    const c = await client({ RESP, name: 'smoke-node' });
    expect('PING', await c.ping(), 'PONG');
    expect('CLIENT GETNAME', await c.clientGetName(), 'smoke-node');
    const id = await c.clientId();
    expect('CLIENT ID', id > 0 && id === await c.clientId(), true);
    expect('CLIENT INFO', (await c.sendCommand(['CLIENT', 'INFO'])).includes('name=smoke-node'), true);
    c.destroy();
    step(`handshake, names, RESP${RESP}`);
  }
  const [a, b] = [await client({ database: 3 }), await client({ database: 4 })];
  await a.set(key('db'), 'three');
  await b.set(key('db'), 'four');
  expect('database 3', await a.get(key('db')), 'three');
  expect('database 4', await b.get(key('db')), 'four');
  a.destroy();
  b.destroy();
  step('databases');
}

async function types() {
  for (const RESP of [2, 3]) {
    const c = await client({ RESP });
    const big = 'x'.repeat(1_000_000);
    expect('SET', await c.set(key('big'), big), 'OK');
    expect('GET of 1 MB', (await c.get(key('big'))) === big, true);
    await c.del([key('h'), key('z')]);
    await c.hSet(key('h'), { a: '1', b: '2' });
    expect('HGETALL', { ...(await c.hGetAll(key('h'))) }, { a: '1', b: '2' });
    await c.zAdd(key('z'), [{ value: 'one', score: 1 }, { value: 'half', score: 0.5 }]);
    expect('ZRANGE WITHSCORES', (await c.zRangeWithScores(key('z'), 0, -1)).map((m) => ({ ...m })),
      [{ value: 'half', score: 0.5 }, { value: 'one', score: 1 }]);
    expect('GET of nothing', await c.get(key('nothing')), null);
    await rejects('LPUSH on a hash', c.lPush(key('h'), '1'), /WRONGTYPE/);
    await rejects('unknown command', c.sendCommand(['NOSUCHCOMMAND', 'x']), /unknown command/);
    expect('after errors', await c.ping(), 'PONG');
    c.destroy();
    step(`types and errors, RESP${RESP}`);
  }
}

async function pipelines() {
  const c = await client();
  await c.del(key('n'));
  // node-redis writes what is asked in one turn in one go.
  const got = await Promise.all(Array.from({ length: 2000 }, () => c.incr(key('n'))));
  expect('2000 INCR', got, Array.from({ length: 2000 }, (_, i) => i + 1));
  c.destroy();
  step('pipeline');
}

async function transactions() {
  const [c, other] = [await client(), await client()];
  expect('MULTI…EXEC', await c.multi().set(key('t'), '1').incr(key('t')).get(key('t')).exec(), ['OK', 2, '2']);
  await c.watch(key('t'));
  expect('GET after WATCH', await c.get(key('t')), '2');
  await other.set(key('t'), 'changed');
  await rejects('EXEC after a change', c.multi().set(key('t'), 'lost').exec(), /WatchError|watched keys/i);
  expect("the other's value", await c.get(key('t')), 'changed');
  await c.watch(key('t'));
  expect('WATCH without a change', await c.multi().set(key('t'), 'won').exec(), ['OK']);
  await rejects('EXECABORT', c.multi().addCommand(['NOSUCHCOMMAND']).set(key('t'), 'never').exec(), /unknown command|EXECABORT/);
  expect('aborted', await c.get(key('t')), 'won');
  c.destroy();
  other.destroy();
  step('transactions and WATCH');
}

async function pubsub() {
  for (const RESP of [2, 3]) {
    const [c, sub] = [await client({ RESP }), await client({ RESP })];
    const box = mailbox();
    await sub.subscribe(key('ch'), (message) => box.put(message));
    await sub.pSubscribe(key('p*'), (message) => box.put(message));
    expect('PUBLISH', await c.publish(key('ch'), 'hello'), 1);
    expect('message', await box.take('message'), 'hello');
    expect('PUBLISH to a pattern', await c.publish(key('pat'), 'pattern'), 1);
    expect('pmessage', await box.take('pmessage'), 'pattern');
    await sub.unsubscribe(key('ch'));
    await sub.pUnsubscribe(key('p*'));
    expect('no subscriber is left', await c.publish(key('ch'), 'nobody'), 0);
    expect('ordinary commands after it', await sub.get(key('nothing')), null);
    c.destroy();
    sub.destroy();
    step(`pub/sub, RESP${RESP}`);
  }
}

async function blocking() {
  const [c, other] = [await client(), await client()];
  await c.del(key('q'));
  const begin = Date.now();
  expect('BLPOP of nothing', await c.blPop(key('q'), 1), null);
  expect('BLPOP waits', Date.now() - begin > 800 && Date.now() - begin < 5000, true);
  const pushed = sleep(200).then(() => other.rPush(key('q'), 'job'));
  expect('BLPOP', { ...(await c.blPop(key('q'), 5)) }, { key: key('q'), element: 'job' });
  expect('RPUSH', await pushed, 1);
  c.destroy();
  other.destroy();
  step('blocking calls');
}

async function scripts() {
  const c = await client();
  const text = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
  await c.del(key('s'));
  const sha = await c.scriptLoad(text);
  expect('EVALSHA', await c.evalSha(sha, { keys: [key('s')], arguments: ['20'] }), 20);
  expect('EVAL', await c.eval(text, { keys: [key('s')], arguments: ['22'] }), 42);
  await rejects('NOSCRIPT', c.evalSha('0'.repeat(40)), /NOSCRIPT/);
  c.destroy();
  step('scripts');
}

async function caching() {
  const [c, other] = [await client({ clientSideCache: { ttl: 0, maxEntries: 100, evictPolicy: 'LRU' } }), await client()];
  await other.set(key('c'), 'old');
  expect('GET', await c.get(key('c')), 'old');
  expect('GET from the cache', await c.get(key('c')), 'old');
  await other.set(key('c'), 'new');
  await eventually('invalidation', () => c.get(key('c')), 'new');
  c.destroy();
  other.destroy();
  step('client-side caching');
}

async function reconnect() {
  if (!control) return;
  const c = await client();
  await c.set(key('r'), 'kept');
  for (const side of ['client', 'upstream']) {
    await cut(side);
    await eventually(`GET after the ${side} connection was cut`, () => c.get(key('r')), 'kept');
    expect('a transaction after it', await c.multi().set(key('r'), 'kept').exec(), ['OK']);
    step(`reconnect, ${side} connection cut`);
  }
}

await run([handshake, types, pipelines, transactions, pubsub, blocking, scripts, caching, reconnect]);
