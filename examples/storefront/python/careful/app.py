"""Looks a product up in the cache first and in the database second, in the form
that survives Lambda: one client for the whole life of the execution environment,
one connection, every wait bounded, and a cache that may fail without failing the
caller."""

import http.client
import json
import os
import threading
import time
from urllib.parse import quote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TLS = os.environ.get("CACHE_TLS") == "1"
TTL_SECONDS = int(os.environ.get("CACHE_TTL_SECONDS") or 60)
CONNECT_SECONDS = 0.5 if TLS else 0.1  # about 1 ms inside one VPC; TLS takes longer on a small function
COMMAND_SECONDS = 0.05  # a healthy GET takes below 1 ms; beyond this the database is the faster answer
ORIGIN_SECONDS = 2
COOL_DOWN_SECONDS = 1  # after a failure the cache is left alone, so that a dead one costs one invocation
ORIGIN = urlsplit(os.environ["ORIGIN_URL"])

# The pool connects at the first command, so importing cannot fail.
cache = redis.Redis(
    connection_pool=redis.BlockingConnectionPool(
        connection_class=redis.SSLConnection if TLS else redis.Connection,
        host=os.environ["CACHE_HOST"],
        port=int(os.environ["CACHE_PORT"]),
        password=os.environ.get("CACHE_PASSWORD") or None,
        # An environment runs one invocation at a time: one connection.
        max_connections=1,
        timeout=COMMAND_SECONDS,  # wait for that connection
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=COMMAND_SECONDS,
        # A PING before the first command after a pause. redis-py measures the
        # pause with the monotonic clock, which may stand still in a frozen
        # environment: the retry covers what this misses.
        health_check_interval=30,
        # One retry replaces a connection that died while the environment was
        # frozen. Not after a timeout: that would only double the wait.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        # No HELLO, no CLIENT SETINFO: a new connection is ready at once.
        protocol=2,
        driver_info=None,
    )
)
down_until = 0.0  # time.time() is wall time: it goes on while the environment is frozen
_local = threading.local()


def with_cache(command):
    """Runs one command, or returns None if the cache cannot answer."""
    global down_until
    if time.time() < down_until:
        return None
    try:
        return command(cache)
    except (redis.RedisError, OSError) as e:
        print("cache skipped for %s s: %s" % (COOL_DOWN_SECONDS, e))
        down_until = time.time() + COOL_DOWN_SECONDS
        return None


def from_origin(product_id):
    path = "%s/%s" % (ORIGIN.path.rstrip("/"), quote(product_id, safe=""))
    kind = http.client.HTTPSConnection if ORIGIN.scheme == "https" else http.client.HTTPConnection
    for attempt in (1, 2):
        if not hasattr(_local, "origin"):
            _local.origin = kind(ORIGIN.netloc, timeout=ORIGIN_SECONDS)
        try:
            _local.origin.request("GET", path)
            response = _local.origin.getresponse()
            body = response.read()
            break
        except (http.client.HTTPException, ConnectionError):
            _local.origin.close()  # reconnects: it was closed while the environment was frozen
            if attempt == 2:
                raise
        except OSError:
            _local.origin.close()
            raise
    if response.status == 404:
        return None
    if response.status != 200:
        raise RuntimeError("database: %d %s" % (response.status, response.reason))
    return body


def handler(event, context):
    product_id = event.get("id") if isinstance(event, dict) else None
    if not product_id:
        raise ValueError('the event has no id: send {"id": "42"}')
    key = "product:%s" % product_id

    cached = with_cache(lambda c: c.get(key))
    if cached is not None:
        return {"source": "cache", "value": json.loads(cached)}

    body = from_origin(str(product_id))
    if body is None:
        return {"source": "database", "value": None}
    value = json.loads(body)
    # Inside the invocation: once the answer is out, the environment may be frozen
    # in the middle of the command.
    with_cache(lambda c: c.set(key, body, ex=TTL_SECONDS))
    return {"source": "database", "value": value}
