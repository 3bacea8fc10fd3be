// Runs Lettuce through THAW_SMOKE_HOST:THAW_SMOKE_PORT: one line a step, and out
// with exit code 1 at the first wrong answer. Lettuce shares one connection
// between threads, pipelines by itself, and begins with HELLO 3.
//
//	java -cp 'target/jars/*' SmokeLettuce.java

import io.lettuce.core.*;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.support.caching.CacheAccessor;
import io.lettuce.core.support.caching.CacheFrontend;
import io.lettuce.core.support.caching.ClientSideCaching;
import java.net.HttpURLConnection;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public class SmokeLettuce {
	static final String host = System.getenv("THAW_SMOKE_HOST");
	static final int port = Integer.parseInt(System.getenv("THAW_SMOKE_PORT"));
	static final String control = Objects.requireNonNullElse(System.getenv("THAW_SMOKE_CONTROL"), "");
	static final String prefix = "lettuce:" + ProcessHandle.current().pid() + ":";

	static String key(String name) { return prefix + name; }
	static void step(String what) { System.out.println("ok " + what); }

	static void fail(String what) {
		System.err.println("FAIL " + what);
		System.exit(1);
	}

	static void expect(String what, Object got, Object want) {
		if (!Objects.equals(got, want)) fail(what + ": got " + got + ", wanted " + want);
	}

	static RedisClient client(ProtocolVersion version, int database) {
		RedisClient c = RedisClient.create(RedisURI.builder().withHost(host).withPort(port).withDatabase(database)
			.withClientName("smoke-lettuce").withTimeout(Duration.ofSeconds(10)).build());
		// null asks for what the server can: HELLO 3, and RESP2 if it is unknown.
		ClientOptions.Builder options = ClientOptions.builder();
		if (version != null) options.protocolVersion(version);
		c.setOptions(options.build());
		return c;
	}

	static void handshake() {
		for (ProtocolVersion version : new ProtocolVersion[] {ProtocolVersion.RESP2, ProtocolVersion.RESP3, null}) {
			RedisClient client = client(version, 0);
			try (var connection = client.connect()) {
				RedisCommands<String, String> c = connection.sync();
				expect("PING", c.ping(), "PONG");
				expect("CLIENT GETNAME", c.clientGetname(), "smoke-lettuce");
				expect("CLIENT ID", c.clientId() > 0 && c.clientId().equals(c.clientId()), true);
				expect("CLIENT INFO", c.clientInfo().contains("name=smoke-lettuce"), true);
			}
			client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
			step("handshake, names, " + (version == null ? "protocol discovered" : version));
		}
		RedisClient three = client(null, 3);
		RedisClient four = client(null, 4);
		try (var a = three.connect(); var b = four.connect()) {
			a.sync().set(key("db"), "three");
			b.sync().set(key("db"), "four");
			expect("database 3", a.sync().get(key("db")), "three");
			expect("database 4", b.sync().get(key("db")), "four");
			a.sync().select(4);
			expect("SELECT", a.sync().get(key("db")), "four");
		}
		three.shutdown(Duration.ZERO, Duration.ofSeconds(1));
		four.shutdown(Duration.ZERO, Duration.ofSeconds(1));
		step("databases");
	}

	static void types(RedisCommands<String, String> c) {
		String big = "x".repeat(1_000_000);
		expect("SET", c.set(key("big"), big), "OK");
		expect("GET of 1 MB", c.get(key("big")).equals(big), true);
		c.hset(key("h"), "a", "1");
		expect("HGETALL", c.hgetall(key("h")), Map.of("a", "1"));
		c.zadd(key("z"), 0.5, "half");
		c.zadd(key("z"), 1.0, "one");
		expect("ZRANGE WITHSCORES", c.zrangeWithScores(key("z"), 0, -1), List.of(ScoredValue.just(0.5, "half"), ScoredValue.just(1, "one")));
		expect("GET of nothing", c.get(key("nothing")), null);
		try {
			c.lpush(key("h"), "x");
			fail("LPUSH on a hash: no error");
		} catch (RedisCommandExecutionException e) {
			expect("WRONGTYPE", e.getMessage().startsWith("WRONGTYPE"), true);
		}
		expect("after errors", c.ping(), "PONG");
		step("types and errors");
	}

	static void pipelines(StatefulRedisConnection<String, String> connection) throws Exception {
		List<RedisFuture<Long>> futures = new ArrayList<>();
		for (int i = 0; i < 2000; i++) futures.add(connection.async().incr(key("n")));
		for (int i = 0; i < futures.size(); i++) expect("INCR " + i, futures.get(i).get(10, TimeUnit.SECONDS), (long) i + 1);
		step("pipeline");
	}

	static void transactions(RedisCommands<String, String> c, RedisCommands<String, String> other) {
		expect("MULTI", c.multi(), "OK");
		c.set(key("t"), "1");
		c.incr(key("t"));
		c.get(key("t"));
		expect("EXEC", c.exec().stream().toList(), List.<Object>of("OK", 2L, "2"));
		c.watch(key("t"));
		expect("GET after WATCH", c.get(key("t")), "2");
		other.set(key("t"), "changed");
		c.multi();
		c.set(key("t"), "lost");
		expect("EXEC after a change", c.exec().wasDiscarded(), true);
		expect("the other's value", c.get(key("t")), "changed");
		c.watch(key("t"));
		c.multi();
		c.set(key("t"), "won");
		expect("WATCH without a change", c.exec().wasDiscarded(), false);
		c.multi();
		c.set(key("t"), "never");
		expect("DISCARD", c.discard(), "OK");
		expect("discarded", c.get(key("t")), "won");
		step("transactions and WATCH");
	}

	static void pubsub(RedisClient client, RedisCommands<String, String> c) throws Exception {
		BlockingQueue<String> heard = new LinkedBlockingQueue<>();
		try (var sub = client.connectPubSub()) {
			sub.addListener(new RedisPubSubAdapter<String, String>() {
				@Override public void message(String channel, String message) { heard.add(channel + " " + message); }
				@Override public void message(String pattern, String channel, String message) { heard.add(pattern + " " + channel + " " + message); }
			});
			sub.sync().subscribe(key("ch"));
			sub.sync().psubscribe(key("p*"));
			expect("PUBLISH", c.publish(key("ch"), "hello"), 1L);
			expect("message", heard.poll(5, TimeUnit.SECONDS), key("ch") + " hello");
			expect("PUBLISH to a pattern", c.publish(key("pat"), "pattern"), 1L);
			expect("pmessage", heard.poll(5, TimeUnit.SECONDS), key("p*") + " " + key("pat") + " pattern");
			sub.sync().unsubscribe(key("ch"));
			sub.sync().punsubscribe(key("p*"));
			eventually("no subscriber is left", () -> c.publish(key("ch"), "nobody"), 0L);
		}
		step("pub/sub");
	}

	static void blocking(RedisClient client, RedisCommands<String, String> other) throws Exception {
		try (var connection = client.connect()) {
			var c = connection.sync();
			expect("BLPOP of nothing", c.blpop(1, key("q")), null);
			RedisFuture<KeyValue<String, String>> job = connection.async().blpop(5, key("q"));
			Thread.sleep(200);
			other.rpush(key("q"), "job");
			expect("BLPOP", job.get(5, TimeUnit.SECONDS), KeyValue.just(key("q"), "job"));
		}
		step("blocking calls");
	}

	static void scripts(RedisCommands<String, String> c) {
		String sha = c.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
		String[] keys = {key("s")};
		expect("EVALSHA", c.<Long>evalsha(sha, ScriptOutputType.INTEGER, keys, "20"), 20L);
		expect("EVAL", c.<Long>eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", ScriptOutputType.INTEGER, keys, "22"), 42L);
		try {
			c.evalsha("0".repeat(40), ScriptOutputType.INTEGER);
			fail("NOSCRIPT: no error");
		} catch (RedisNoScriptException e) {
			step("scripts");
		}
	}

	static void caching(RedisClient client, RedisCommands<String, String> other) throws Exception {
		other.set(key("c"), "old");
		try (var connection = client.connect()) {
			Map<String, String> local = new ConcurrentHashMap<>();
			CacheFrontend<String, String> cache = ClientSideCaching.enable(CacheAccessor.forMap(local), connection, TrackingArgs.Builder.enabled());
			expect("GET", cache.get(key("c")), "old");
			expect("GET from the cache", local.get(key("c")), "old");
			other.set(key("c"), "new");
			eventually("invalidation", () -> cache.get(key("c")), "new");
		}
		step("client-side caching");
	}

	static void reconnect(RedisCommands<String, String> c) throws Exception {
		if (control.isEmpty()) return;
		c.set(key("r"), "kept");
		for (String side : List.of("client", "upstream")) {
			var connection = (HttpURLConnection) URI.create(control + "/cut/" + side).toURL().openConnection();
			expect("cut", connection.getResponseCode(), 200);
			eventually("GET after the " + side + " connection was cut", () -> c.get(key("r")), "kept");
			expect("the name after it", c.clientGetname(), "smoke-lettuce");
			step("reconnect, " + side + " connection cut");
		}
	}

	static void eventually(String what, Callable<Object> ask, Object want) throws Exception {
		long end = System.nanoTime() + 5_000_000_000L;
		while (true) {
			Object got;
			try {
				got = ask.call();
			} catch (RedisException e) {
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
			for (ProtocolVersion version : ProtocolVersion.values()) {
				RedisClient client = client(version, 0);
				try (var connection = client.connect(); var second = client.connect()) {
					var c = connection.sync();
					var other = second.sync();
					c.del(key("h"), key("z"), key("n"), key("q"), key("s"));
					types(c);
					pipelines(connection);
					transactions(c, other);
					pubsub(client, c);
					blocking(client, other);
					scripts(c);
					if (version == ProtocolVersion.RESP3) caching(client, other);
					reconnect(c);
				}
				client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
			}
			System.exit(0);
		} catch (Exception e) {
			e.printStackTrace();
			fail(e.toString());
		}
	}
}
