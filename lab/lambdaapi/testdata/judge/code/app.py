"""Does what the event says. An event that is no object is given back."""

import os
import time


class Ordered(Exception):
    pass


def handler(event, context):
    if not isinstance(event, dict):
        return event
    do = event.get("do")
    if do == "error":
        raise Ordered("as ordered")
    if do == "crash":
        os._exit(9)
    if do == "talk":
        for line in range(500):
            print(f"line {line} of the talk")
    if do == "sleep":
        time.sleep(event["seconds"])
    if "mark" in event:  # a file that tells the judge that this ran to its end
        with open(event["mark"], "a", encoding="utf-8") as file:
            file.write(context.aws_request_id + "\n")
    custom = context.client_context.custom if context.client_context else None
    return {
        "event": event,
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "custom": custom,
        "colour": os.environ.get("COLOUR"),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }
