"""Looks a product up in the cache first and in the database second, the way it
is often written. It works on a laptop and in a demo. The comments say what
happens under load; ../careful is the same function without it."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

import redis


def handler(event, context):
    product_id = event.get("id") if isinstance(event, dict) else None
    if not product_id:
        raise ValueError('the event has no id: send {"id": "42"}')

    # A client for each invocation: each pays for a connection and its handshake.
    # CPython closes it when the variable goes, so the server sees a storm of new
    # connections rather than a leak.
    #
    # The defaults wait 5 s to connect and 5 s to read, with retries: longer than
    # the function's timeout, so a slow cache is a failed invocation.
    cache = redis.Redis(
        host=os.environ["CACHE_HOST"],
        port=int(os.environ["CACHE_PORT"]),
        password=os.environ.get("CACHE_PASSWORD") or None,
        ssl=os.environ.get("CACHE_TLS") == "1",
    )

    key = "product:%s" % product_id
    cached = cache.get(key)  # an error here fails the caller, and yet the database is fine
    if cached:
        return {"source": "cache", "value": json.loads(cached)}

    url = "%s/%s" % (os.environ["ORIGIN_URL"], urllib.parse.quote(str(product_id), safe=""))
    try:
        with urllib.request.urlopen(url) as response:  # no timeout
            body = response.read()
    except urllib.error.HTTPError as e:
        if e.code == 404:
            return {"source": "database", "value": None}
        raise
    cache.set(key, body, ex=int(os.environ.get("CACHE_TTL_SECONDS") or 60))  # an error here loses the answer in hand
    return {"source": "database", "value": json.loads(body)}
