"""Handlers of every form that AWS's Python runtime knows."""

import decimal
import logging
import os
import sys
import threading
import time

logger = logging.getLogger("shop")


def echo(event, context):
    client = context.client_context
    return {
        "event": event,
        "requestId": context.aws_request_id,
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "client": client and {"custom": client.custom, "title": client.client.app_title},
        "identity": context.identity.cognito_identity_id,
        "remaining": context.get_remaining_time_in_millis(),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "custom": os.environ.get("CUSTOM"),
        "path": sys.path[0] == os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
    }


def nothing(event, context):
    pass


class StoreError(Exception):
    pass


def throws(event, context):
    raise StoreError("no such product")


def unserializable(event, context):
    return object()


def numbers(event, context):
    return {"a": decimal.Decimal("1.5"), "b": decimal.Decimal("7"), "text": "é"}


def exits(event, context):
    sys.exit(3)


def logs(event, context):
    print("printed", "words")
    logger.warning("careful")
    logger.info("not shown at the default level")
    logging.getLogger().setLevel("INFO")
    logger.info("shown")


_lock = threading.Lock()
_in_flight = 0


def together(event, context):
    global _in_flight
    with _lock:
        _in_flight += 1
    for _ in range(500):
        if _in_flight >= 2:
            break
        time.sleep(0.01)
    logger.warning("together")
    return {"id": context.aws_request_id, "inFlight": _in_flight}
