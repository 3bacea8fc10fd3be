"""Judges a running `thaw up` with boto3 and the AWS CLI.

    thaw up lab/lambdaapi/testdata/judge --listen 127.0.0.1:0 --ready-file url.txt
    python3 lab/lambdaapi/testdata/judge/judge.py url.txt

Needs the packages boto3 and awscli. It never calls AWS: every call has the
endpoint's URL, and the credentials are made up.
"""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

# Before boto3 looks for credentials and proxies.
for name in [n for n in os.environ if n.startswith("AWS_") or n.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
    del os.environ[name]
os.environ.update(
    AWS_ACCESS_KEY_ID="lab", AWS_SECRET_ACCESS_KEY="lab", AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_PAGER="",
)

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

from shapes import Model, raw  # noqa: E402

URL = sys.argv[1].strip()
if not URL.startswith("http"):  # a file that thaw up has written
    with open(URL, encoding="utf-8") as url_file:
        URL = url_file.read().strip()
WORK = tempfile.mkdtemp()
ARN = "arn:aws:lambda:us-east-1:123456789012:function:shop-judge"
client = boto3.client("lambda", endpoint_url=URL, config=Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=60))
model = Model(client)
passed = failed = 0


def check(what, got, want=True):
    """want is a value, or a function that says whether got is right."""
    global passed, failed
    if want(got) if callable(want) else got == want:
        passed += 1
    else:
        failed += 1
        print(f"WRONG {what}: {got!r}" + ("" if callable(want) else f", want {want!r}"))


def holds(text):
    return lambda got: text in (got if isinstance(got, str) else repr(got))


def refused(what, status, code, call, message="", **more):
    """Expects an exception that boto3 knows, with its members."""
    try:
        got = call()
        check(what, got, f"{status} {code}")
        return
    except ClientError as error:
        answer = error.response
        check(f"{what}: boto3's class", type(error).__name__, code if hasattr(client.exceptions, code) else "ClientError")
    check(what, (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]), (status, code))
    check(f"{what}: message", answer["Error"]["Message"], holds(message))
    for member, value in more.items():
        check(f"{what}: {member}", answer.get(member), value)


def invoke(event, name="shop-judge", **more):
    response = client.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    body = response["Payload"].read()
    return response, json.loads(body) if body else None


def invoke_next(event):
    """Invokes Limited, whose one place stays taken for a moment after an answer:
    until the environment asks for the next event."""
    deadline = time.time() + 20
    while True:
        try:
            return invoke(event, name="Limited")[0]["StatusCode"]
        except client.exceptions.TooManyRequestsException:
            if time.time() > deadline:
                raise
            time.sleep(0.02)


def header(response, name):
    return response["ResponseMetadata"]["HTTPHeaders"].get(name)


def until(what, condition):
    deadline = time.time() + 20
    while not condition():
        if time.time() > deadline:
            check(what, "did not come true in 20 s", "")
            return
        time.sleep(0.02)


def lines(path):
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return file.read().split()
    return []


def aws(*args, ok=True):
    """Runs the AWS CLI; returns its stdout, or its stderr when it should fail."""
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "lambda", *args, "--endpoint-url", URL, "--output", "json"],
        capture_output=True, text=True, timeout=120, check=False)
    check(f"exit of aws lambda {args[0]}: {done.stderr}", done.returncode == 0, ok)
    return done.stdout if ok else done.stderr


def judge_invoke():
    response, out = invoke({"id": 1}, LogType="Tail")
    log = base64.b64decode(response["LogResult"]).decode()
    request = response["ResponseMetadata"]["RequestId"]
    check("answer", out["event"], {"id": 1})
    check("status", response["StatusCode"], 200)
    check("version", response["ExecutedVersion"], "$LATEST")
    check("no error", "FunctionError" not in response)
    check("request id of the function", out["requestId"], request)
    check("x-amzn-requestid", header(response, "x-amzn-requestid"), request)
    check("content type", header(response, "content-type"), "application/json")
    check("remapped length", header(response, "x-amzn-remapped-content-length"), "0")
    check("trace", header(response, "x-amzn-trace-id"), lambda t: re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", t))
    check("the function's trace", out["trace"], header(response, "x-amzn-trace-id"))
    for pattern in (r"START RequestId: {} Version: \$LATEST\n", r"END RequestId: {}\n",
                    r"REPORT RequestId: {}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: \d+ MB"):
        check("log", log, lambda text, p=pattern.format(request): re.search(p, text))
    check("init in the first log", log, holds("Init Duration: "))
    response, _ = invoke({"do": "talk"}, LogType="Tail")
    log = base64.b64decode(response["LogResult"]).decode()
    check("log is cut to its last 4 KB", len(log), 4096)
    check("log ends with the report", log, lambda text: "REPORT RequestId" in text and "line 499" in text and "line 0 " not in text)
    check("no log unasked", "LogResult" not in invoke({})[0])

    for event in ("text", 42, None, [1, 2], {"ünï": "cödé"}):
        out = invoke(event)[1]
        check(f"event {event!r}", out["event"] if isinstance(event, dict) else out, event)
    check("no payload", json.loads(client.invoke(FunctionName="shop-judge")["Payload"].read())["event"], {})
    context = base64.b64encode(b'{"custom":{"k":"v"}}').decode()
    check("client context", invoke({}, ClientContext=context)[1]["custom"], {"k": "v"})
    big = "x" * ((6 << 20) - 2)  # and two quotes
    check("6 MB there and back", invoke(big)[1] == big)
    for name in ("Judge", ARN, "123456789012:function:shop-judge", "shop-judge:live", ARN + ":live", "shop-judge:$LATEST"):
        response, out = invoke({}, name=name)
        check(name, (response["StatusCode"], response["ExecutedVersion"], out["arn"]), (200, "1" if "live" in name else "$LATEST", ARN))
    check("qualifiers", [invoke({}, Qualifier=q)[0]["ExecutedVersion"] for q in ("live", "7", "$LATEST")], ["1", "7", "$LATEST"])
    check("dry run", invoke({}, InvocationType="DryRun"), lambda r: r[0]["StatusCode"] == 204 and r[1] is None)


def judge_function_errors():
    response, out = invoke({"do": "error"}, LogType="Tail")
    check("handled error", (response["StatusCode"], response["FunctionError"]), (200, "Unhandled"))
    check("its document", (out["errorType"], out["errorMessage"]), ("Ordered", "as ordered"))
    check("its stack", out["stackTrace"], lambda s: isinstance(s, list) and "app.py" in s[-1])
    check("its log", base64.b64decode(response["LogResult"]).decode(), holds("[ERROR] Ordered: as ordered"))
    response, out = invoke({"do": "crash"})
    check("crash", (response["StatusCode"], response["FunctionError"], out["errorType"]), (200, "Unhandled", "Runtime.ExitError"))
    request = response["ResponseMetadata"]["RequestId"]
    check("its message", out["errorMessage"], f"RequestId: {request} Error: Runtime exited with error: exit status 9")
    check("after the crash", invoke({"id": 2})[1]["event"], {"id": 2})
    response, out = invoke({"do": "sleep", "seconds": 5}, name="Short")
    request = response["ResponseMetadata"]["RequestId"]
    check("timeout", (response["StatusCode"], response["FunctionError"], out["errorType"]), (200, "Unhandled", "Sandbox.Timedout"))
    check("its message", out["errorMessage"], f"RequestId: {request} Error: Task timed out after 1.00 seconds")


def judge_refusals():
    def call(payload=b"{}", name="shop-judge", **more):
        return lambda: client.invoke(FunctionName=name, Payload=payload, **more)
    refused("unknown", 404, "ResourceNotFoundException", call(name="nobody"), f"Function not found: {ARN.replace('shop-judge', 'nobody')}", Type="User")
    refused("unknown, config", 404, "ResourceNotFoundException", lambda: client.get_function(FunctionName="nobody"))
    refused("malformed", 400, "InvalidRequestContentException", call(b'{"a":'), "Could not parse request body into json")
    refused("empty text", 400, "InvalidRequestContentException", call(b" "))
    refused("over 6 MB", 413, "RequestTooLargeException", call(b'"' + b"x" * (6 << 20) + b'"'), "6291456")
    refused("20 MB", 413, "RequestTooLargeException", call(b'"' + b"x" * (20 << 20) + b'"'), "6291456")
    refused("event over 1 MB", 413, "RequestTooLargeException", call(b'"' + b"x" * (1 << 20) + b'"', InvocationType="Event"), "1048576")
    refused("client context", 400, "InvalidRequestContentException", call(ClientContext="e30"), "Base64")
    check("nothing ran", invoke({"id": 3})[1]["event"], {"id": 3})


def judge_throttle():
    held = threading.Thread(target=invoke_next, args=({"do": "sleep", "seconds": 2},))
    invoke({}, name="Limited")
    held.start()
    time.sleep(0.7)
    refused("one is running", 429, "TooManyRequestsException", lambda: invoke({}, name="Limited"), "Rate Exceeded.",
            Reason="ReservedFunctionConcurrentInvocationLimitExceeded", Type="User")
    held.join()
    check("after it", invoke_next({}), 200)
    response = client.put_function_concurrency(FunctionName="Limited", ReservedConcurrentExecutions=0)
    check("put", response["ReservedConcurrentExecutions"], 0)
    check("get", client.get_function_concurrency(FunctionName="Limited")["ReservedConcurrentExecutions"], 0)
    check("get function", client.get_function(FunctionName="Limited")["Concurrency"], {"ReservedConcurrentExecutions": 0})
    refused("none reserved", 429, "TooManyRequestsException", lambda: invoke({}, name="Limited"), "Rate Exceeded.")
    check("delete", client.delete_function_concurrency(FunctionName="Limited")["ResponseMetadata"]["HTTPStatusCode"], 204)
    check("none", "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="Limited"))
    check("invoked again", invoke_next({}), 200)
    refused("too many", 400, "InvalidParameterValueException",
            lambda: client.put_function_concurrency(FunctionName="Limited", ReservedConcurrentExecutions=901),
            "decreases account's UnreservedConcurrentExecution below its minimum value of [100]")
    client.put_function_concurrency(FunctionName="Limited", ReservedConcurrentExecutions=900)
    limits = client.get_account_settings()
    check("account", limits["AccountLimit"], lambda a: (a["ConcurrentExecutions"], a["UnreservedConcurrentExecutions"]) == (1000, 100))
    check("usage", limits["AccountUsage"]["FunctionCount"], 3)
    client.delete_function_concurrency(FunctionName="Limited")


def judge_events():
    mark = os.path.join(WORK, "event")
    response, out = invoke({"do": "sleep", "seconds": 0.5, "mark": mark}, InvocationType="Event")
    check("accepted", (response["StatusCode"], out), (202, None))
    check("not yet run", lines(mark), [])
    until("the event runs", lambda: lines(mark) == [response["ResponseMetadata"]["RequestId"]])


def judge_hang_up():
    mark = os.path.join(WORK, "hang-up")
    hasty = boto3.client("lambda", endpoint_url=URL, config=Config(retries={"total_max_attempts": 1}, read_timeout=0.5))
    try:
        hasty.invoke(FunctionName="shop-judge", Payload=json.dumps({"do": "sleep", "seconds": 1.5, "mark": mark}))
        check("hung up", "answered", "")
    except Exception as error:  # pylint: disable=broad-except
        check("hung up", type(error).__name__, "ReadTimeoutError")
    until("the invocation ends normally", lambda: len(lines(mark)) == 1)


def judge_reading():
    def bare(response):
        response.pop("ResponseMetadata")
        return response
    config = bare(client.get_function_configuration(FunctionName="shop-judge"))
    check("configuration", (config["FunctionName"], config["FunctionArn"], config["Runtime"], config["Handler"], config["Timeout"], config["MemorySize"],
                            config["Version"], config["State"], config["LastUpdateStatus"], config["Architectures"], config["Environment"]["Variables"]),
          ("shop-judge", ARN, "python3.13", "app.handler", 10, 512, "$LATEST", "Active", "Successful", ["x86_64"], {"COLOUR": "red"}))
    check("time", config["LastModified"], lambda t: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", t))
    check("function", client.get_function(FunctionName=ARN)["Configuration"], config)
    qualified = client.get_function_configuration(FunctionName="shop-judge", Qualifier="live")
    check("alias", (qualified["FunctionArn"], qualified["Version"]), (ARN + ":live", "1"))
    pages = list(client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1}))
    check("pages", [[f["FunctionName"] for f in page["Functions"]] for page in pages], [["shop-judge"], ["Limited"], ["Short"]])
    for operation, path in {
        "GetFunction": "/2015-03-31/functions/shop-judge", "GetFunctionConfiguration": "/2015-03-31/functions/shop-judge/configuration",
        "ListFunctions": "/2015-03-31/functions?MaxItems=1", "GetAccountSettings": "/2016-08-19/account-settings/",
        "GetFunctionConcurrency": "/2019-09-30/functions/Limited/concurrency",
        "ListProvisionedConcurrencyConfigs": "/2019-09-30/functions/shop-judge/provisioned-concurrency?List=ALL",
    }.items():
        status, _, body = raw("GET", URL + path)
        check(f"shape of {operation}", (status, model.wrong(operation, body)), (200, []))
    status, headers, body = raw("GET", URL + "/2015-03-31/functions", headers={"Host": "evil.example"})
    check("another host", (status, headers["x-amzn-errortype"]), (403, "AccessDeniedException"))
    status, headers, body = raw("POST", URL + "/2015-03-31/functions/shop-judge/invocations", b"{}", {"Origin": "https://evil.example"})
    check("a web page", (status, headers["x-amzn-errortype"]), (403, "AccessDeniedException"))


def judge_update():
    def update(**settings):
        return client.update_function_configuration(FunctionName="shop-judge", **settings)
    before = client.get_function_configuration(FunctionName="shop-judge")
    old = []
    running = threading.Thread(target=lambda: old.append(invoke({"do": "sleep", "seconds": 1.5})[1]))
    running.start()
    time.sleep(0.7)
    status, _, body = raw("PUT", URL + "/2015-03-31/functions/shop-judge/configuration", json.dumps({
        "MemorySize": 1024, "Timeout": 20, "Environment": {"Variables": {"COLOUR": "blue"}},
        "VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}}).encode())
    changed = json.loads(body)
    check("update", (status, changed["LastUpdateStatus"], model.wrong("UpdateFunctionConfiguration", body)), (200, "InProgress", []))
    client.get_waiter("function_updated_v2").wait(FunctionName="shop-judge")
    client.get_waiter("function_active_v2").wait(FunctionName="shop-judge")
    out = invoke({})[1]
    check("the next has the new", (int(out["memory"]), out["colour"]), (1024, "blue"))
    running.join()
    check("the running one kept the old", old and (int(old[0]["memory"]), old[0]["colour"]), (512, "red"))
    after = client.get_function_configuration(FunctionName="shop-judge")
    check("attached", (after["Timeout"], after["VpcConfig"]["SubnetIds"], after["VpcConfig"]["SecurityGroupIds"]), (20, ["subnet-1", "subnet-2"], ["sg-1"]))
    check("revision", after["RevisionId"] not in ("", before["RevisionId"]))
    refused("old revision", 412, "PreconditionFailedException", lambda: update(Timeout=5, RevisionId=before["RevisionId"]), "Revision Id")
    update(RevisionId=after["RevisionId"], VpcConfig={"SubnetIds": [], "SecurityGroupIds": []}, Environment={"Variables": {}})
    client.get_waiter("function_updated").wait(FunctionName="shop-judge")
    after = client.get_function_configuration(FunctionName="shop-judge")
    check("detached", (after["VpcConfig"]["SubnetIds"], "Environment" in after, after["MemorySize"]), ([], False, 1024))
    refused("memory", 400, "ValidationException", lambda: update(MemorySize=10241), "less than or equal to 10240")
    refused("timeout", 400, "ValidationException", lambda: update(Timeout=901), "less than or equal to 900")
    refused("variables", 400, "InvalidParameterValueException", lambda: update(Environment={"Variables": {"AWS_REGION": "x"}}), "reserved keys")
    refused("half a VPC", 400, "InvalidParameterValueException", lambda: update(VpcConfig={"SubnetIds": ["subnet-1"]}), "must coexist")
    refused("runtime", 400, "InvalidParameterValueException", lambda: update(Runtime="nodejs22.x"), "template")


def judge_provisioned():
    on = {"FunctionName": "shop-judge", "Qualifier": "live"}
    missing = "ProvisionedConcurrencyConfigNotFoundException"
    refused("none", 404, missing, lambda: client.get_provisioned_concurrency_config(**on))
    refused("$LATEST", 400, "InvalidParameterValueException",
            lambda: client.put_provisioned_concurrency_config(FunctionName="shop-judge", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1), "unpublished")
    status, _, body = raw("PUT", URL + "/2019-09-30/functions/shop-judge/provisioned-concurrency?Qualifier=live", b'{"ProvisionedConcurrentExecutions":2}')
    check("put", (status, model.wrong("PutProvisionedConcurrencyConfig", body)), (202, []))
    until("ready", lambda: client.get_provisioned_concurrency_config(**on)["Status"] == "READY")
    got = client.get_provisioned_concurrency_config(**on)
    check("get", [got[f"{n}ProvisionedConcurrentExecutions"] for n in ("Requested", "Available", "Allocated")], [2, 2, 2])
    listed = client.list_provisioned_concurrency_configs(FunctionName="shop-judge")["ProvisionedConcurrencyConfigs"]
    check("list", [(c["FunctionArn"], c["Status"]) for c in listed], [(ARN + ":live", "READY")])
    _, _, body = raw("GET", URL + "/2019-09-30/functions/shop-judge/provisioned-concurrency?List=ALL")
    check("shape of the list", model.wrong("ListProvisionedConcurrencyConfigs", body), [])
    response, _ = invoke({}, Qualifier="live", LogType="Tail")
    check("no init", base64.b64decode(response["LogResult"]).decode(), lambda log: "Init Duration" not in log)
    check("delete", client.delete_provisioned_concurrency_config(**on)["ResponseMetadata"]["HTTPStatusCode"], 204)
    refused("gone", 404, missing, lambda: client.get_provisioned_concurrency_config(**on))
    check("none listed", client.list_provisioned_concurrency_configs(FunctionName="shop-judge")["ProvisionedConcurrencyConfigs"], [])


def judge_cli():
    out = os.path.join(WORK, "out.json")
    answer = json.loads(aws("invoke", "--function-name", "shop-judge", "--payload", '{"id":"42"}', "--log-type", "Tail", out))
    check("cli: answer", (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer), (200, "$LATEST", False))
    check("cli: log", base64.b64decode(answer["LogResult"]).decode(), holds("REPORT RequestId: "))
    with open(out, encoding="utf-8") as file:
        check("cli: file", json.load(file)["event"], {"id": "42"})
    answer = json.loads(aws("invoke", "--function-name", "shop-judge:live", "--payload", '{"do":"error"}', out))
    check("cli: error", (answer["StatusCode"], answer["FunctionError"], answer["ExecutedVersion"]), (200, "Unhandled", "1"))
    check("cli: event", json.loads(aws("invoke", "--function-name", ARN, "--invocation-type", "Event", out))["StatusCode"], 202)
    check("cli: dry run", json.loads(aws("invoke", "--function-name", ARN, "--invocation-type", "DryRun", out))["StatusCode"], 204)
    check("cli: unknown", aws("invoke", "--function-name", "nobody", out, ok=False), holds("(ResourceNotFoundException) when calling the Invoke operation: Function not found"))
    check("cli: malformed", aws("invoke", "--function-name", ARN, "--payload", "{", out, ok=False), holds("(InvalidRequestContentException)"))
    check("cli: list", [f["FunctionName"] for f in json.loads(aws("list-functions", "--page-size", "2"))["Functions"]], ["shop-judge", "Limited", "Short"])
    aws("update-function-configuration", "--function-name", "shop-judge", "--memory-size", "768", "--vpc-config", "SubnetIds=subnet-9,SecurityGroupIds=sg-9")
    aws("wait", "function-updated-v2", "--function-name", "shop-judge")
    aws("wait", "function-active-v2", "--function-name", "shop-judge")
    config = json.loads(aws("get-function", "--function-name", "shop-judge"))["Configuration"]
    check("cli: attached", (config["MemorySize"], config["VpcConfig"]["SubnetIds"]), (768, ["subnet-9"]))
    aws("update-function-configuration", "--function-name", "shop-judge", "--vpc-config", "SubnetIds=[],SecurityGroupIds=[]")
    config = json.loads(aws("get-function-configuration", "--function-name", "shop-judge"))
    check("cli: detached", config["VpcConfig"]["SubnetIds"], [])
    aws("put-function-concurrency", "--function-name", "Limited", "--reserved-concurrent-executions", "0")
    os.environ["AWS_MAX_ATTEMPTS"] = "1"
    check("cli: throttle", aws("invoke", "--function-name", "Limited", out, ok=False), holds("(TooManyRequestsException) when calling the Invoke operation"))
    aws("delete-function-concurrency", "--function-name", "Limited")
    aws("put-provisioned-concurrency-config", "--function-name", "shop-judge", "--qualifier", "live", "--provisioned-concurrent-executions", "1")
    check("cli: provisioned", json.loads(aws("list-provisioned-concurrency-configs", "--function-name", "shop-judge")),
          lambda got: got["ProvisionedConcurrencyConfigs"][0]["RequestedProvisionedConcurrentExecutions"] == 1)
    aws("delete-provisioned-concurrency-config", "--function-name", "shop-judge", "--qualifier", "live")
    check("cli: account", json.loads(aws("get-account-settings"))["AccountLimit"]["ConcurrentExecutions"], 1000)


for judge in (judge_reading, judge_invoke, judge_function_errors, judge_refusals, judge_throttle, judge_events, judge_hang_up,
              judge_update, judge_provisioned, judge_cli):
    began = time.time()
    judge()
    print(f"{judge.__name__}: {time.time() - began:.1f} s")
print(f"{passed} checks passed, {failed} failed")
sys.exit(failed > 0)
