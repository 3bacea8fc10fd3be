// Runs Jedis through THAW_SMOKE_HOST:THAW_SMOKE_PORT: one line a step, and out
// with exit code 1 at the first wrong answer.
//
//	java -cp 'target/jars/*' SmokeJedis.java

import java.net.HttpURLConnection;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.*;
import redis.clients.jedis.csc.CacheConfig;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisNoScriptException;
import redis.clients.jedis.resps.Tuple;

public class SmokeJedis {
	static final String host = System.getenv("THAW_SMOKE_HOST");
	static final int port = Integer.parseInt(System.getenv("THAW_SMOKE_PORT"));
	static final String control = Objects.requireNonNullElse(System.getenv("THAW_SMOKE_CONTROL"), "");
	static final String prefix = "jedis:" + ProcessHandle.current().pid() + ":";

	static String key(String name) { return prefix + name; }
	static void step(String what) { System.out.println("ok " + what); }

	static void fail(String what) {
		System.err.println("FAIL " + what);
		System.exit(1);
	}

	static void expect(String what, Object got, Object want) {
		if (!Objects.equals(got, want)) fail(what + ": got " + got + ", wanted " + want);
	}

	static Jedis client(RedisProtocol protocol, int database) {
		return new Jedis(new HostAndPort(host, port), DefaultJedisClientConfig.builder()
			.protocol(protocol).database(database).clientName("smoke-jedis").socketTimeoutMillis(10_000).build());
	}

	static Jedis client() { return client(RedisProtocol.RESP3, 0); }

	static void handshake() {
		for (RedisProtocol protocol : RedisProtocol.values()) {
			try (Jedis c = client(protocol, 0)) {
				expect("PING", c.ping(), "PONG");
				expect("CLIENT GETNAME", c.clientGetname(), "smoke-jedis");
				expect("CLIENT ID", c.clientId() > 0 && c.clientId() == c.clientId(), true);
				expect("CLIENT INFO", c.clientInfo().contains("name=smoke-jedis"), true);
			}
			step("handshake, names, " + protocol);
		}
		try (Jedis a = client(RedisProtocol.RESP3, 3); Jedis b = client(RedisProtocol.RESP2, 4)) {
			a.set(key("db"), "three");
			b.set(key("db"), "four");
			expect("database 3", a.get(key("db")), "three");
			expect("database 4", b.get(key("db")), "four");
			a.select(4);
			expect("SELECT", a.get(key("db")), "four");
		}
		step("databases");
	}

	static void types() {
		for (RedisProtocol protocol : RedisProtocol.values()) {
			try (Jedis c = client(protocol, 0)) {
				String big = "x".repeat(1_000_000);
				expect("SET", c.set(key("big"), big), "OK");
				expect("GET of 1 MB", c.get(key("big")).equals(big), true);
				c.del(key("h"), key("z"));
				c.hset(key("h"), "a", "1");
				expect("HGETALL", c.hgetAll(key("h")).toString(), "{a=1}");
				c.zadd(key("z"), 0.5, "half");
				c.zadd(key("z"), 1, "one");
				expect("ZRANGE WITHSCORES", c.zrangeWithScores(key("z"), 0, -1), List.of(new Tuple("half", 0.5), new Tuple("one", 1.0)));
				expect("GET of nothing", c.get(key("nothing")), null);
				try {
					c.lpush(key("h"), "x");
					fail("LPUSH on a hash: no error");
				} catch (JedisDataException e) {
					expect("WRONGTYPE", e.getMessage().startsWith("WRONGTYPE"), true);
				}
				try {
					c.sendCommand(() -> "NOSUCHCOMMAND".getBytes());
					fail("unknown command: no error");
				} catch (JedisDataException e) {
					expect("unknown command", e.getMessage().contains("unknown command"), true);
				}
				expect("after errors", c.ping(), "PONG");
			}
			step("types and errors, " + protocol);
		}
	}

	static void pipelines() {
		try (Jedis c = client()) {
			c.del(key("n"));
			Pipeline p = c.pipelined();
			List<Object> want = new ArrayList<>();
			for (long i = 1; i <= 2000; i++) {
				p.incr(key("n"));
				want.add(i);
			}
			expect("2000 INCR", p.syncAndReturnAll(), want);
		}
		step("pipeline");
	}

	static void transactions() {
		try (Jedis c = client(); Jedis other = client()) {
			// Jedis waits for +OK and each +QUEUED: a command at a time.
			Transaction t = c.multi();
			t.set(key("t"), "1");
			t.incr(key("t"));
			t.get(key("t"));
			expect("MULTI, EXEC", t.exec(), Arrays.<Object>asList("OK", 2L, "2"));
			c.watch(key("t"));
			expect("GET after WATCH", c.get(key("t")), "2");
			other.set(key("t"), "changed");
			t = c.multi();
			t.set(key("t"), "lost");
			expect("EXEC after a change", t.exec(), null);
			expect("the other's value", c.get(key("t")), "changed");
			c.watch(key("t"));
			t = c.multi();
			t.set(key("t"), "won");
			expect("WATCH without a change", t.exec(), List.<Object>of("OK"));
			t = c.multi();
			t.set(key("t"), "never");
			expect("DISCARD", t.discard(), "OK");
			expect("discarded", c.get(key("t")), "won");
		}
		step("transactions and WATCH");
	}

	static void pubsub() throws Exception {
		for (RedisProtocol protocol : RedisProtocol.values()) {
			BlockingQueue<String> heard = new LinkedBlockingQueue<>();
			JedisPubSub listener = new JedisPubSub() {
				@Override public void onSubscribe(String channel, int n) { heard.add("subscribed " + n); }
				@Override public void onMessage(String channel, String message) { heard.add(channel + " " + message); }
			};
			try (Jedis c = client(protocol, 0); Jedis sub = client(protocol, 0)) {
				Thread reader = new Thread(() -> sub.subscribe(listener, key("ch")));
				reader.start();
				expect("SUBSCRIBE", heard.poll(5, TimeUnit.SECONDS), "subscribed 1");
				expect("PUBLISH", c.publish(key("ch"), "hello"), 1L);
				expect("message", heard.poll(5, TimeUnit.SECONDS), key("ch") + " hello");
				listener.unsubscribe();
				reader.join(5000);
				expect("UNSUBSCRIBE ends the listener", reader.isAlive(), false);
				expect("ordinary commands after it", sub.get(key("nothing")), null);
			}
			step("pub/sub, " + protocol);
		}
	}

	static void blocking() {
		try (Jedis c = client(); Jedis other = client()) {
			c.del(key("q"));
			expect("BLPOP of nothing", c.blpop(1, key("q")), null);
			new Thread(() -> {
				try {
					Thread.sleep(200);
				} catch (InterruptedException e) {
					return;
				}
				other.rpush(key("q"), "job");
			}).start();
			expect("BLPOP", c.blpop(5, key("q")), List.of(key("q"), "job"));
		}
		step("blocking calls");
	}

	static void scripts() {
		try (Jedis c = client()) {
			c.del(key("s"));
			String sha = c.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
			expect("EVALSHA", c.evalsha(sha, 1, key("s"), "20"), 20L);
			expect("EVAL", c.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", 1, key("s"), "22"), 42L);
			try {
				c.evalsha("0".repeat(40));
				fail("NOSCRIPT: no error");
			} catch (JedisNoScriptException e) {
				step("scripts");
			}
		}
	}

	static void caching() throws Exception {
		var config = DefaultJedisClientConfig.builder().protocol(RedisProtocol.RESP3).build();
		try (Jedis other = client()) {
			other.set(key("c"), "old");
			try (var c = new UnifiedJedis(new HostAndPort(host, port), config, CacheConfig.builder().build())) {
				expect("GET", c.get(key("c")), "old");
				expect("GET from the cache", c.get(key("c")), "old");
				other.set(key("c"), "new");
				eventually("invalidation", () -> c.get(key("c")), "new");
				step("client-side caching");
			} catch (JedisException e) {
				if (!String.valueOf(e.getMessage()).contains("only supported")) throw e;
				System.out.println("skip client-side caching: " + e.getMessage());
			}
		}
	}

	static void reconnect() throws Exception {
		if (control.isEmpty()) return;
		try (var pool = new JedisPooled(new HostAndPort(host, port), DefaultJedisClientConfig.builder().protocol(RedisProtocol.RESP3).build())) {
			pool.set(key("r"), "kept");
			for (String side : List.of("client", "upstream")) {
				var connection = (HttpURLConnection) URI.create(control + "/cut/" + side).toURL().openConnection();
				expect("cut", connection.getResponseCode(), 200);
				eventually("GET after the " + side + " connection was cut", () -> pool.get(key("r")), "kept");
				step("reconnect, " + side + " connection cut");
			}
		}
	}

	static void eventually(String what, Callable<Object> ask, Object want) throws Exception {
		long end = System.nanoTime() + 5_000_000_000L;
		while (true) {
			Object got;
			try {
				got = ask.call();
			} catch (JedisException e) {
				got = e;
			}
			if (want.equals(got)) return;
			if (System.nanoTime() > end) fail(what + ": still " + got + " after 5 s, wanted " + want);
			Thread.sleep(50);
		}
	}

	public static void main(String[] args) {
		try {
			handshake();
			types();
			pipelines();
			transactions();
			pubsub();
			blocking();
			scripts();
			caching();
			reconnect();
			System.exit(0);
		} catch (Exception e) {
			e.printStackTrace();
			fail(e.toString());
		}
	}
}
