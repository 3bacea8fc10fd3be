// Looks a product up in the cache first and in the database second, in the form
// that survives Lambda: one client for the whole life of the execution
// environment, one connection, every wait bounded, and a cache that may fail
// without failing the caller.
import { createClient } from 'redis';

const { CACHE_HOST, CACHE_PORT, CACHE_PASSWORD, CACHE_TLS, ORIGIN_URL } = process.env;
const TTL_SECONDS = Number(process.env.CACHE_TTL_SECONDS) || 60;
const CONNECT_MS = CACHE_TLS === '1' ? 500 : 100; // about 1 ms inside one VPC; TLS takes longer on a small function
const COMMAND_MS = 50; // a healthy GET takes below 1 ms; beyond this the database is the faster answer
const ORIGIN_MS = 2000;
const COOL_DOWN_MS = 1000; // after a failure the cache is left alone, so that a dead one costs one invocation

let connection; // a promise of the one connected client
let downUntil = 0; // Date.now() is wall time: it goes on while the environment is frozen

function connect() {
  const client = createClient({
    socket: {
      host: CACHE_HOST,
      port: Number(CACHE_PORT),
      tls: CACHE_TLS === '1',
      connectTimeout: CONNECT_MS,
      // Reconnecting happens on use, below. In the background it would run on a
      // timer, and a frozen environment has none.
      reconnectStrategy: false,
    },
    password: CACHE_PASSWORD || undefined,
    // Commands for a broken connection fail at once instead of queueing up.
    disableOfflineQueue: true,
    // No HELLO, no CLIENT commands: a new connection is ready at once.
    RESP: 2,
    disableClientInfo: true,
    maintNotifications: 'disabled',
  });
  client.on('error', () => {}); // without a listener a lost connection ends the process
  return within(CONNECT_MS, client.connect()).catch((err) => {
    client.destroy();
    throw err;
  });
}

// within bounds a wait. The client's own commandOptions.timeout covers a command
// only until it is written to the socket: a server that accepts and never
// answers would hold the invocation for ever.
function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`cache: no answer in ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// withCache runs one command, or returns undefined if the cache cannot answer.
async function withCache(command) {
  if (Date.now() < downUntil) return undefined;
  try {
    let client = await (connection ??= connect());
    // The server may have closed it while the environment was frozen.
    if (!client.isReady) client = await (connection = connect());
    return await within(COMMAND_MS, command(client));
  } catch (err) {
    console.warn(`cache skipped for ${COOL_DOWN_MS} ms: ${err.message}`);
    downUntil = Date.now() + COOL_DOWN_MS;
    // A late answer would be taken for that of the next command.
    connection?.then((client) => client.destroy(), () => {});
    connection = undefined;
    return undefined;
  }
}

async function fromOrigin(id) {
  // fetch keeps the connection for the next invocation.
  const response = await fetch(`${ORIGIN_URL}/${encodeURIComponent(id)}`, { signal: AbortSignal.timeout(ORIGIN_MS) });
  const text = await response.text();
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`database: ${response.status} ${response.statusText}`);
  return text;
}

export const handler = async (event) => {
  if (!event?.id) throw new Error('the event has no id: send {"id": "42"}');
  const key = `product:${event.id}`;

  const cached = await withCache((client) => client.get(key));
  if (typeof cached === 'string') return { source: 'cache', value: JSON.parse(cached) };

  const text = await fromOrigin(event.id);
  if (text === undefined) return { source: 'database', value: null };
  const value = JSON.parse(text);
  // Awaited: once the answer is out, the environment may be frozen in the middle
  // of the command.
  await withCache((client) => client.set(key, text, { expiration: { type: 'EX', value: TTL_SECONDS } }));
  return { source: 'database', value };
};
