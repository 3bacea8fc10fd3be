"""Holds answers against the shapes of botocore's service model.

boto3 itself drops what it does not know and does not miss what is absent, so a
wrong answer could pass unseen.
"""

import json
import urllib.error
import urllib.request


def raw(method, url, body=None, headers=None):
    """Sends one request as it is: status, headers, body."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def conforms(shape, value, path=""):
    """Lists what is wrong with a decoded JSON value."""
    kinds = {
        "structure": dict, "map": dict, "list": list, "string": str, "timestamp": str,
        "integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float),
    }
    kind = kinds[shape.type_name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return [f"{path}: {value!r} is no {shape.type_name}"]
    wrong = []
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                wrong.append(f"{path}: no {name}")
        for name, member in value.items():
            if name not in shape.members:
                wrong.append(f"{path}.{name}: not in the model")
            else:
                wrong += conforms(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for i, member in enumerate(value):
            wrong += conforms(shape.member, member, f"{path}[{i}]")
    elif shape.type_name == "map":
        for name, member in value.items():
            wrong += conforms(shape.value, member, f"{path}.{name}")
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        wrong.append(f"{path}: {value!r} is none of {shape.enum}")
    return wrong


class Model:
    """Checks documents of operations."""

    def __init__(self, client):
        self.model = client.meta.service_model

    def wrong(self, operation, body):
        return conforms(self.model.operation_model(operation).output_shape, json.loads(body), operation)
