"""Runs redis-py through THAW_SMOKE_HOST:THAW_SMOKE_PORT: one line a step, and
out with exit code 1 at the first wrong answer."""

import os
import threading
import time
import urllib.request

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

HOST = os.environ["THAW_SMOKE_HOST"]
PORT = int(os.environ["THAW_SMOKE_PORT"])
CONTROL = os.environ.get("THAW_SMOKE_CONTROL", "")
PREFIX = f"redis-py:{os.getpid()}:"


def key(name):
    return PREFIX + name


def client(protocol=3, **options):
    # No retries: what fails must be seen.
    return redis.Redis(host=HOST, port=PORT, protocol=protocol, decode_responses=True, socket_timeout=10,
                       retry=Retry(NoBackoff(), 0), **options)


def expect(what, got, want):
    if got != want:
        raise SystemExit(f"FAIL {what}: got {got!r}, wanted {want!r}")


def step(what):
    print("ok", what, flush=True)


def eventually(what, attempt, wanted, limit=5):
    end = time.monotonic() + limit
    while True:
        try:
            got = attempt()
        except redis.RedisError as error:
            got = error
        if got == wanted:
            return
        if time.monotonic() > end:
            raise SystemExit(f"FAIL {what}: still {got!r} after {limit} s, wanted {wanted!r}")
        time.sleep(0.05)


def cut(side):
    with urllib.request.urlopen(f"{CONTROL}/cut/{side}", timeout=5) as reply:
        reply.read()


def handshake():
    for protocol in (2, 3):
        r = client(protocol, client_name="smoke-py", single_connection_client=True)
        expect("PING", r.ping(), True)
        expect("CLIENT GETNAME", r.client_getname(), "smoke-py")
        expect("CLIENT ID is a number", isinstance(r.client_id(), int) and r.client_id() > 0, True)
        expect("CLIENT ID stays", r.client_id(), r.client_id())
        info = r.client_info()
        expect("CLIENT INFO name", info["name"], "smoke-py")
        expect("CLIENT INFO lib-name", info.get("lib-name", "redis-py").startswith("redis-py"), True)
        expect("ECHO", r.echo("héllo"), "héllo")
        r.close()
        step(f"handshake, names, RESP{protocol}")
    a, b = client(db=3), client(db=4)
    a.set(key("db"), "three")
    b.set(key("db"), "four")
    expect("database 3", a.get(key("db")), "three")
    expect("database 4", b.get(key("db")), "four")
    a.delete(key("db")), b.delete(key("db"))
    step("databases")


def types():
    for protocol in (2, 3):
        r = client(protocol)
        big = "x" * 1_000_000
        expect("SET", r.set(key("big"), big), True)
        expect("GET of 1 MB", r.get(key("big")) == big, True)
        r.delete(key("h"), key("z"))
        r.hset(key("h"), mapping={"a": "1", "b": "2"})
        expect("HGETALL", r.hgetall(key("h")), {"a": "1", "b": "2"})
        r.zadd(key("z"), {"one": 1, "half": 0.5})
        pairs = [tuple(p) for p in r.zrange(key("z"), 0, -1, withscores=True)]
        expect("ZRANGE WITHSCORES", pairs, [("half", 0.5), ("one", 1.0)])
        expect("GET of nothing", r.get(key("nothing")), None)
        try:
            r.lpush(key("h"), 1)
            raise SystemExit("FAIL LPUSH on a hash: no error")
        except redis.ResponseError as error:
            expect("WRONGTYPE", str(error).startswith("WRONGTYPE"), True)
        try:
            r.execute_command("NOSUCHCOMMAND", "x")
            raise SystemExit("FAIL unknown command: no error")
        except redis.ResponseError as error:
            expect("unknown command", "unknown command" in str(error), True)
        expect("after errors", r.ping(), True)
        step(f"types and errors, RESP{protocol}")


def pipelines():
    r = client()
    r.delete(key("n"))
    with r.pipeline(transaction=False) as p:
        for _ in range(2000):
            p.incr(key("n"))
        expect("2000 INCR", p.execute(), list(range(1, 2001)))
    step("pipeline")


def transactions():
    r, other = client(), client()
    r.delete(key("t"))
    with r.pipeline() as p:
        p.set(key("t"), "1").incr(key("t")).get(key("t"))
        expect("MULTI…EXEC", p.execute(), [True, 2, "2"])
    with r.pipeline() as p:
        p.watch(key("t"))
        expect("GET after WATCH", p.get(key("t")), "2")
        other.set(key("t"), "changed")
        p.multi()
        p.set(key("t"), "lost")
        try:
            p.execute()
            raise SystemExit("FAIL WATCH: EXEC went through")
        except redis.WatchError:
            pass
    expect("the other's value", r.get(key("t")), "changed")
    with r.pipeline() as p:
        p.watch(key("t"))
        p.multi()
        p.set(key("t"), "won")
        expect("WATCH without a change", p.execute(), [True])
    with r.pipeline() as p:
        p.multi()
        p.execute_command("NOSUCHCOMMAND")
        p.set(key("t"), "never")
        try:
            p.execute()
            raise SystemExit("FAIL EXECABORT: EXEC went through")
        except redis.ResponseError:
            pass
    expect("aborted", r.get(key("t")), "won")
    step("transactions and WATCH")


def pubsub():
    for protocol in (2, 3):
        r = client(protocol)
        with r.pubsub(ignore_subscribe_messages=True) as s:
            s.subscribe(key("ch"))
            s.psubscribe(key("p*"))
            s.get_message(timeout=1), s.get_message(timeout=1)
            expect("PUBLISH", r.publish(key("ch"), "hello"), 1)
            expect("message", next_message(s)["data"], "hello")
            expect("PUBLISH to a pattern", r.publish(key("pat"), "pattern"), 1)
            expect("pmessage", next_message(s)["data"], "pattern")
            s.unsubscribe()
            s.punsubscribe()
            eventually("no subscriber is left", lambda: r.publish(key("ch"), "nobody"), 0)
        step(f"pub/sub, RESP{protocol}")


def next_message(subscription):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        message = subscription.get_message(timeout=0.5)
        if message:
            return message
    raise SystemExit("FAIL pub/sub: no message within 5 s")


def blocking():
    r, other = client(), client()
    r.delete(key("q"))
    begin = time.monotonic()
    expect("BLPOP of nothing", r.blpop([key("q")], timeout=1), None)
    expect("BLPOP waits", 0.8 < time.monotonic() - begin < 5, True)
    threading.Timer(0.2, lambda: other.rpush(key("q"), "job")).start()
    expect("BLPOP", list(r.blpop([key("q")], timeout=5)), [key("q"), "job"])
    other.xadd(key("stream"), {"a": "1"}, id="1-1")
    got = r.xread({key("stream"): "0"}, block=1000)
    entries = got[key("stream")] if isinstance(got, dict) else got[0][1]
    entries = entries[0] if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], (tuple, list)) else entries
    expect("XREAD BLOCK", entries[0][0], "1-1")
    step("blocking calls")


def scripts():
    r = client()
    double = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    r.delete(key("s"))
    r.script_flush()
    expect("EVALSHA after SCRIPT FLUSH", double(keys=[key("s")], args=[20]), 20)
    expect("EVALSHA", double(keys=[key("s")], args=[22]), 42)
    expect("SCRIPT EXISTS", list(r.script_exists(double.sha)), [True])
    try:
        r.evalsha("0" * 40, 0)
        raise SystemExit("FAIL NOSCRIPT: no error")
    except redis.exceptions.NoScriptError:
        pass
    step("scripts")


def caching():
    from redis.cache import CacheConfig
    r, other = client(cache_config=CacheConfig()), client()
    other.set(key("c"), "old")
    try:
        expect("GET", r.get(key("c")), "old")
    except redis.ConnectionError as error:
        if "7.4 or later" not in str(error):
            raise
        print("skip client-side caching: redis-py wants a server of version 7.4", flush=True)
        return
    expect("GET from the cache", r.get(key("c")), "old")
    other.set(key("c"), "new")
    eventually("invalidation", lambda: r.get(key("c")), "new")
    r.close()
    step("client-side caching")


def reconnect():
    if not CONTROL:
        return
    r = client()
    r.set(key("r"), "kept")
    for side in ("client", "upstream"):
        cut(side)
        eventually(f"GET after the {side} connection was cut", lambda: r.get(key("r")), "kept")
        with r.pipeline() as p:
            p.set(key("r"), "kept")
            expect("a transaction after it", p.execute(), [True])
        step(f"reconnect, {side} connection cut")


for part in (handshake, types, pipelines, transactions, pubsub, blocking, scripts, caching, reconnect):
    part()
