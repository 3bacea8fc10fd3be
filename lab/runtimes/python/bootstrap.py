"""The Python bootstrap of Thaw's lab, for Python 3.9 and later.

Loads a handler as AWS's managed runtime does and serves it over the Lambda
Runtime API:

    import handler --fails--> POST init/error --> exit 1
         | ok
         v
    GET next --> handler --> POST response | POST error --> GET next ...

It depends on the standard library only. Error types, message texts and the log
format follow AWS's runtime interface client, so that what a user reads here is
what CloudWatch would show.
"""

import decimal
import http.client
import importlib
import json
import logging
import math
import os
import sys
import threading
import time
import traceback

TASK_ROOT = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
RUNTIME = os.environ.get("AWS_EXECUTION_ENV", "")
JSON_LOGS = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
API = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
CONCURRENCY = max(1, int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY") or 1))

_current = threading.local()  # .request_id and .tenant_id of this thread's invocation


class Fault(Exception):
    """An error that the runtime itself names: errorType is Runtime.<kind>."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = "Runtime." + kind
        self.trace = trace or []


# ---- Context ---------------------------------------------------------------


class _Fields:
    """Attributes from a JSON object; absent ones are None, as AWS has them."""

    __slots__ = ()

    def __init__(self, values):
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self):
        return "%s([%s])" % (
            type(self).__name__,
            ",".join("%s=%s" % (name, getattr(self, name)) for name in self.__slots__),
        )


class Client(_Fields):
    __slots__ = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(_Fields):
    __slots__ = ("custom", "env", "client")

    def __init__(self, values):
        super().__init__(values)
        if self.client is not None:
            self.client = Client(self.client)


class CognitoIdentity(_Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, values):
        super().__init__(
            {
                "cognito_identity_id": values.get("cognitoIdentityId"),
                "cognito_identity_pool_id": values.get("cognitoIdentityPoolId"),
            }
        )


class LambdaContext:
    def __init__(self, headers):
        env = os.environ.get
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")  # a str, as on AWS
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        client = _header(headers, "Lambda-Runtime-Client-Context", "Client Context")
        self.client_context = ClientContext(client) if client is not None else None
        identity = _header(headers, "Lambda-Runtime-Cognito-Identity", "Cognito Identity")
        self.identity = CognitoIdentity(identity or {})
        self._deadline_ms = int(headers.get("Lambda-Runtime-Deadline-Ms") or 0)

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return "LambdaContext([%s])" % ",".join(
            "%s=%s" % (k, v) for k, v in vars(self).items() if not k.startswith("_")
        )


def _header(headers, name, title):
    text = headers.get(name)
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as e:
        raise Fault("LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (title, e))


# ---- Runtime API -----------------------------------------------------------


class RuntimeAPI:
    """One persistent connection; not safe for several threads.

    No timeout: the process may be frozen for hours inside next.
    """

    def __init__(self, address):
        self._connection = http.client.HTTPConnection(address, timeout=None)

    def call(self, method, route, body=None, headers=None):
        self._connection.request(
            method, "/2018-06-01/runtime/" + route, body=body, headers=headers or {}
        )
        response = self._connection.getresponse()
        return response, response.read()

    def next(self):
        response, body = self.call("GET", "invocation/next")
        if response.status != 200:
            raise OSError("next answered %d: %s" % (response.status, body[:200]))
        return response.headers, body

    def post(self, route, body, headers):
        response, answer = self.call("POST", route, body, headers)
        if response.status >= 300:
            text = answer[:200].decode("utf-8", "replace")
            logging.error("Runtime API refused %s: %d %s", route, response.status, text)

    def error(self, route, result):
        # A header takes printable ASCII only; a class may be named anything.
        kind = "".join(c if " " <= c <= "~" else "?" for c in result["errorType"])
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": kind,
        }
        self.post(route, json.dumps(result).encode(), headers)


# ---- JSON ------------------------------------------------------------------


def _default(value):
    # AWS's runtime writes a Decimal (DynamoDB's numbers) as a JSON number.
    if isinstance(value, decimal.Decimal):
        if value.is_nan():
            return math.nan
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def _escapes():
    # From python3.12 on AWS writes non-ASCII characters as they are.
    version = RUNTIME.rpartition("python3.")[2]
    return not (version.isdigit() and int(version) >= 12)


_encoder = json.JSONEncoder(default=_default, ensure_ascii=_escapes())


def _decode(body, content_type):
    if content_type and content_type.split(";")[0].strip() != "application/json":
        return body
    try:
        return json.loads(body)
    except ValueError as e:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % e)


def _encode(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return _encoder.encode(result).encode(), "application/json"
    except Exception as e:
        raise Fault("MarshalError", "Unable to marshal response: %s" % e)


# ---- Errors and logs -------------------------------------------------------


def _error_result(exc, request_id=""):
    if isinstance(exc, Fault):
        kind, trace = exc.kind, exc.trace
    else:
        frames = traceback.extract_tb(exc.__traceback__)
        own = [f for f in frames if f.filename != __file__ and "importlib" not in f.filename]
        kind, trace = type(exc).__name__, traceback.format_list(own or frames)
    return {
        "errorMessage": str(exc),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": trace,
    }


def _log_error(result):
    if JSON_LOGS:
        line = {"timestamp": _now(), "level": "ERROR"}
        line.update(result)
        print(json.dumps(line))
        return
    lines = ["[ERROR] %s: %s" % (result["errorType"], result["errorMessage"])]
    lines.append("Traceback (most recent call last):")
    for frame in result["stackTrace"]:
        for line in frame.splitlines():
            stripped = line.lstrip(" ")
            # CloudWatch trims leading spaces, so AWS indents with U+00A0.
            lines.append("\u00a0" * (len(line) - len(stripped)) + stripped)
    # One log event is one line: CloudWatch splits at \n and not at \r.
    print("\r".join(lines))


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class _RequestFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = getattr(_current, "request_id", "")
        return True


class _Handler(logging.Handler):
    # Looks sys.stdout up at each record, so that a redirected one is honoured.
    def emit(self, record):
        sys.stdout.write(self.format(record))
        sys.stdout.flush()


class _JSONFormatter(logging.Formatter):
    def format(self, record):
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": record.aws_request_id,
        }
        if record.exc_info:
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["stackTrace"] = traceback.format_tb(record.exc_info[2])
        return json.dumps({k: v for k, v in line.items() if v}, default=str) + "\n"


def _setup_logging():
    logging.Formatter.converter = time.gmtime
    handler = _Handler()
    if JSON_LOGS:
        handler.setFormatter(_JSONFormatter())
    else:
        handler.setFormatter(
            logging.Formatter(
                "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
                "%Y-%m-%dT%H:%M:%S",
            )
        )
    handler.addFilter(_RequestFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL", "WARN": "WARNING"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def _flush():
    sys.stdout.flush()
    sys.stderr.flush()


# ---- Loading the handler ---------------------------------------------------


def _load(handler):
    module, dot, function = handler.rpartition(".")
    if not dot:
        raise Fault(
            "MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler,
        )
    if module.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module
        )
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as e:
        _hint(e)
        raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (module, e))
    except SyntaxError as e:
        trace = ['  File "%s" Line %s\n    %s' % (e.filename, e.lineno, e.text)]
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, e), trace)
    try:
        return getattr(loaded, function)
    except AttributeError:
        raise Fault(
            "HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module)
        ) from None


def _hint(error):
    name = (error.name or "").split(".")[0]
    if name in ("boto3", "botocore"):
        sys.stderr.write(
            "thaw: AWS's Python runtime brings %s along, this machine does not: "
            'run "pip install %s"\n' % (name, name)
        )


# ---- The loop --------------------------------------------------------------


def _serve(api, handler):
    while True:
        headers, body = api.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        _current.request_id = request_id
        if CONCURRENCY == 1:
            _export_trace(headers.get("Lambda-Runtime-Trace-Id"))
        route = "invocation/%s/" % request_id
        try:
            context = LambdaContext(headers)
            event = _decode(body, headers.get("Content-Type"))
            result, content_type = _encode(handler(event, context))
        except Exception as e:  # SystemExit ends the process: the platform reports Runtime.ExitError
            error = _error_result(e, request_id)
            _log_error(error)
            _flush()
            api.error(route + "error", error)
        else:
            _flush()  # the process may be frozen at any time after the answer
            api.post(route + "response", result, {"Content-Type": content_type})


def _export_trace(trace_id):
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def _thread(handler):
    try:
        _serve(RuntimeAPI(API), handler)
    except SystemExit as e:
        _flush()
        os._exit(e.code if isinstance(e.code, int) else int(e.code is not None))
    except BaseException as e:
        _lost(e)


def _lost(error):
    sys.stderr.write("thaw: lost the Runtime API at %s: %r\n" % (API, error))
    _flush()
    os._exit(1)


def main():
    # The folder of this file is none of the handler's business.
    sys.path[0] = TASK_ROOT
    os.chdir(TASK_ROOT)
    sys.stdout.reconfigure(line_buffering=True)
    sys.stderr.reconfigure(line_buffering=True)
    _setup_logging()
    api = RuntimeAPI(API)
    try:
        handler = _load(os.environ.get("_HANDLER", ""))
    except Exception as e:
        logging.warning(
            "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."
        )
        error = _error_result(e)
        _log_error(error)
        _flush()
        api.error("init/error", error)
        sys.exit(1)
    if CONCURRENCY == 1:
        try:
            _serve(api, handler)
        except (OSError, http.client.HTTPException) as e:
            _lost(e)
    # AWS gives each of the concurrent invocations a process of its own. Here they
    # are threads: handlers share the module's state, which is stricter than AWS
    # for globals and costs one interpreter instead of several.
    for _ in range(CONCURRENCY):
        threading.Thread(target=_thread, args=(handler,)).start()


if __name__ == "__main__":
    main()
