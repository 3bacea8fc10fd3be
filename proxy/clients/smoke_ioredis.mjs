// Runs ioredis through THAW_SMOKE_HOST:THAW_SMOKE_PORT. It asks INFO on every
// connect, to learn whether the server is loading.
import { Redis } from 'ioredis';
import { control, cut, eventually, expect, host, keysOf, mailbox, port, rejects, run, sleep, step } from './smoke.mjs';

const key = keysOf('ioredis');

async function client(options = {}) {
  const c = new Redis({ host, port, lazyConnect: true, retryStrategy: () => 50, ...options });
  c.on('error', () => {});
  await c.connect();
  return c;
}

async function handshake() {
  const c = await client({ connectionName: 'smoke-ioredis' });
  expect('PING', await c.ping(), 'PONG');
  expect('CLIENT GETNAME', await c.client('GETNAME'), 'smoke-ioredis');
  const id = await c.client('ID');
  expect('CLIENT ID', id > 0 && id === await c.client('ID'), true);
  expect('CLIENT INFO', (await c.client('INFO')).includes('name=smoke-ioredis'), true);
  expect('INFO', (await c.info('server')).includes('redis_version:'), true);
  c.disconnect();
  step('handshake, ready check, names');
  const [a, b] = [await client({ db: 3 }), await client({ db: 4 })];
  await a.set(key('db'), 'three');
  await b.set(key('db'), 'four');
  expect('database 3', await a.get(key('db')), 'three');
  expect('database 4', await b.get(key('db')), 'four');
  await a.select(4);
  expect('SELECT', await a.get(key('db')), 'four');
  a.disconnect();
  b.disconnect();
  step('databases');
}

async function types() {
  const c = await client();
  const big = Buffer.alloc(1_000_000, 0xfe);
  expect('SET', await c.set(key('big'), big), 'OK');
  expect('GET of 1 MB', (await c.getBuffer(key('big'))).equals(big), true);
  await c.del(key('h'), key('z'));
  await c.hset(key('h'), { a: '1', b: '2' });
  expect('HGETALL', await c.hgetall(key('h')), { a: '1', b: '2' });
  await c.zadd(key('z'), 1, 'one', 0.5, 'half');
  expect('ZRANGE WITHSCORES', (await c.zrange(key('z'), 0, -1, 'WITHSCORES')).map(String), ['half', '0.5', 'one', '1']);
  expect('GET of nothing', await c.get(key('nothing')), null);
  await rejects('LPUSH on a hash', c.lpush(key('h'), '1'), /WRONGTYPE/);
  await rejects('unknown command', c.call('NOSUCHCOMMAND', 'x'), /unknown command/);
  expect('after errors', await c.ping(), 'PONG');
  c.disconnect();
  step('types and errors');
}

async function pipelines() {
  const c = await client();
  await c.del(key('n'));
  const p = c.pipeline();
  for (let i = 0; i < 2000; i++) p.incr(key('n'));
  expect('2000 INCR', await p.exec(), Array.from({ length: 2000 }, (_, i) => [null, i + 1]));
  const automatic = await client({ enableAutoPipelining: true });
  const got = await Promise.all(Array.from({ length: 200 }, () => automatic.incr(key('n'))));
  expect('auto-pipelining', got, Array.from({ length: 200 }, (_, i) => 2001 + i));
  c.disconnect();
  automatic.disconnect();
  step('pipelines');
}

async function transactions() {
  const [c, other] = [await client(), await client()];
  expect('MULTI…EXEC', await c.multi().set(key('t'), '1').incr(key('t')).get(key('t')).exec(), [[null, 'OK'], [null, 2], [null, '2']]);
  // One command at a time, with a round trip between.
  expect('MULTI', await c.multi({ pipeline: false }), 'OK');
  expect('queued', await c.set(key('t'), '7'), 'QUEUED');
  expect('not seen before EXEC', await other.get(key('t')), '2');
  expect('EXEC', await c.exec(), [[null, 'OK']]);
  expect('MULTI', await c.multi({ pipeline: false }), 'OK');
  await c.set(key('t'), '8');
  expect('DISCARD', await c.discard(), 'OK');
  expect('discarded', await c.get(key('t')), '7');
  await c.watch(key('t'));
  await other.set(key('t'), 'changed');
  expect('EXEC after a change', await c.multi().set(key('t'), 'lost').exec(), null);
  expect("the other's value", await c.get(key('t')), 'changed');
  await c.watch(key('t'));
  expect('WATCH without a change', await c.multi().set(key('t'), 'won').exec(), [[null, 'OK']]);
  await rejects('EXECABORT', c.multi().call('NOSUCHCOMMAND').set(key('t'), 'never').exec(), /EXECABORT/);
  expect('aborted', await c.get(key('t')), 'won');
  c.disconnect();
  other.disconnect();
  step('transactions and WATCH');
}

async function pubsub() {
  const [c, sub] = [await client(), await client()];
  const box = mailbox();
  sub.on('message', (channel, message) => box.put(`${channel} ${message}`));
  sub.on('pmessage', (pattern, channel, message) => box.put(`${pattern} ${channel} ${message}`));
  expect('SUBSCRIBE', await sub.subscribe(key('ch')), 1);
  expect('PSUBSCRIBE', await sub.psubscribe(key('p*')), 2);
  expect('PUBLISH', await c.publish(key('ch'), 'hello'), 1);
  expect('message', await box.take('message'), `${key('ch')} hello`);
  expect('PUBLISH to a pattern', await c.publish(key('pat'), 'pattern'), 1);
  expect('pmessage', await box.take('pmessage'), `${key('p*')} ${key('pat')} pattern`);
  await sub.unsubscribe(key('ch'));
  await sub.punsubscribe(key('p*'));
  expect('no subscriber is left', await c.publish(key('ch'), 'nobody'), 0);
  expect('ordinary commands after it', await sub.ping(), 'PONG');
  c.disconnect();
  sub.disconnect();
  step('pub/sub');
}

async function blocking() {
  const [c, other] = [await client(), await client()];
  await c.del(key('q'));
  const begin = Date.now();
  expect('BLPOP of nothing', await c.blpop(key('q'), 1), null);
  expect('BLPOP waits', Date.now() - begin > 800 && Date.now() - begin < 5000, true);
  const pushed = sleep(200).then(() => other.rpush(key('q'), 'job'));
  expect('BLPOP', await c.blpop(key('q'), 5), [key('q'), 'job']);
  expect('RPUSH', await pushed, 1);
  c.disconnect();
  other.disconnect();
  step('blocking calls');
}

async function scripts() {
  const c = await client();
  await c.del(key('s'));
  await c.script('FLUSH');
  c.defineCommand('add', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
  expect('EVALSHA after SCRIPT FLUSH', await c.add(key('s'), 20), 20);
  expect('EVALSHA', await c.add(key('s'), 22), 42);
  await rejects('NOSCRIPT', c.evalsha('0'.repeat(40), 0), /NOSCRIPT/);
  c.disconnect();
  step('scripts');
}

async function reconnect() {
  if (!control) return;
  const c = await client({ maxRetriesPerRequest: 0 });
  await c.set(key('r'), 'kept');
  for (const side of ['client', 'upstream']) {
    await cut(side);
    await eventually(`GET after the ${side} connection was cut`, () => c.get(key('r')), 'kept');
    expect('a transaction after it', await c.multi().set(key('r'), 'kept').exec(), [[null, 'OK']]);
    step(`reconnect, ${side} connection cut`);
  }
}

await run([handshake, types, pipelines, transactions, pubsub, blocking, scripts, reconnect]);
