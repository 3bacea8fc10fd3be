// Looks a product up in the cache first and in the database second, the way it
// is often written. It works on a laptop and in a demo. The comments say what
// happens under load; ../careful is the same function without it.
import { createClient } from 'redis';

const { CACHE_HOST, CACHE_PORT, CACHE_PASSWORD, CACHE_TLS, ORIGIN_URL, CACHE_TTL_SECONDS } = process.env;

export const handler = async (event) => {
  if (!event?.id) throw new Error('the event has no id: send {"id": "42"}');

  // A client for each invocation, and nobody closes it: each leaves an open
  // connection, for as long as the environment lives.
  const client = createClient({
    url: `${CACHE_TLS === '1' ? 'rediss' : 'redis'}://${CACHE_HOST}:${CACHE_PORT}`,
    password: CACHE_PASSWORD || undefined,
  });
  client.on('error', (err) => console.error('redis', err.message));
  // With the default reconnectStrategy this retries for ever: while the cache is
  // down, the invocation ends as "Task timed out".
  await client.connect();

  const key = `product:${event.id}`;
  const cached = await client.get(key);
  if (cached) return { source: 'cache', value: JSON.parse(cached) };

  const response = await fetch(`${ORIGIN_URL}/${encodeURIComponent(event.id)}`); // no timeout
  if (response.status === 404) return { source: 'database', value: null };
  if (!response.ok) throw new Error(`database: ${response.status}`);
  const text = await response.text();
  await client.set(key, text, { EX: Number(CACHE_TTL_SECONDS) || 60 }); // an error here loses the answer in hand
  return { source: 'database', value: JSON.parse(text) };
};
