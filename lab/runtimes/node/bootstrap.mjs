// The Node.js bootstrap of Thaw's lab: loads a handler as AWS's managed runtime
// does and serves it over the Lambda Runtime API, Node.js 18 and later.
//
//   load handler ──fails──▶ POST init/error ──▶ exit 129
//        │ ok
//        ▼
//   GET next ──▶ handler ──▶ POST response | POST error ──▶ GET next …
//
// It depends on nothing but Node.js. Error types, message texts and the log
// format follow AWS's runtime interface client, so that what a user reads here
// is what CloudWatch would show.
//
// Two ways to run a handler, as AWS has them:
//   classic  up to nodejs22.x: async, callback and plain handlers
//   async    nodejs24.x and later, and every function that takes several
//            invocations at once: no callback, no context.done/succeed/fail

import { AsyncLocalStorage } from 'node:async_hooks';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import util from 'node:util';

const env = process.env;
const require = createRequire(import.meta.url);
const concurrency = Math.max(1, parseInt(env.AWS_LAMBDA_MAX_CONCURRENCY ?? '1', 10) || 1);
// The function's runtime decides, not the local Node.js that stands in for it.
const runtimeMajor = parseInt(/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV ?? '')?.[1] ?? '0', 10);
const asyncOnly = runtimeMajor >= 24 || concurrency > 1;

// ---- Errors ----------------------------------------------------------------

const runtimeError = (name, message, cause) => {
  const err = new Error(message);
  err.name = `Runtime.${name}`;
  const frames = cause?.stack ?? err.stack.split('\n').slice(1).join('\n');
  err.stack = `${err.name}: ${message}\n${frames}`;
  return err;
};

const isError = (e) =>
  util.types.isNativeError(e) ||
  (typeof e?.name === 'string' && typeof e?.message === 'string' && typeof e?.stack === 'string');

// The JSON body of an error report. It must not throw, whatever was thrown.
function errorBody(err) {
  try {
    return isError(err)
      ? { errorType: err.name, errorMessage: err.message, trace: String(err.stack).split('\n') }
      : { errorType: typeof err, errorMessage: err.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
      trace: [],
    };
  }
}

const loggable = (_key, v) =>
  v instanceof Error
    ? { errorType: v.name, errorMessage: v.message, code: v.code, ...v, stack: v.stack?.split('\n') }
    : v;

function logError(title, err) {
  const e = err instanceof Error ? err : new Error(err);
  if (jsonLogs) return console.error(e);
  let text;
  try {
    text = JSON.stringify(e, loggable);
  } catch {
    text = JSON.stringify(errorBody(e));
  }
  console.error(title, `\t${text}`);
}

// ---- Console ---------------------------------------------------------------

const jsonLogs = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const perInvocation = new AsyncLocalStorage(); // only with concurrency > 1
let lastRequestId; // undefined during init, printed so, as on AWS
const requestId = () => perInvocation.getStore() ?? lastRequestId;

function jsonLine(level, args) {
  const line = { timestamp: new Date().toISOString(), level, requestId: requestId() };
  const shown = (_k, v) =>
    v instanceof Error
      ? { errorType: v.constructor?.name ?? 'UnknownError', errorMessage: v.message, stackTrace: v.stack?.split('\n'), ...v }
      : v;
  try {
    if (args.length === 1) return JSON.stringify({ ...line, message: args[0] }, shown);
  } catch {
    // not serialisable: the formatted text below
  }
  const err = args.find((a) => a instanceof Error);
  return JSON.stringify({ ...line, message: util.format(...args), ...(args.length > 1 && err ? shown('', err) : {}) });
}

function patchConsole() {
  const least = Math.max(0, levels.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  const writer = (level) => (...args) => {
    const line = jsonLogs
      ? jsonLine(level, args)
      : `${new Date().toISOString()}\t${requestId()}\t${level}\t${util.format(...args)}`;
    // One log event is one line: CloudWatch splits at \n and not at \r.
    process.stdout.write(line.replace(/\n/g, '\r') + '\n');
  };
  levels.forEach((level, i) => {
    console[level.toLowerCase()] = i >= least || level === 'FATAL' ? writer(level) : () => {};
  });
  console.log = console.info;
}

// ---- Runtime API -----------------------------------------------------------

// Idle sockets of a keep-alive agent do not hold the event loop, so "the event
// loop is empty" below means the user's work, never ours.
const agent = new http.Agent({ keepAlive: true });
const api = env.AWS_LAMBDA_RUNTIME_API ?? '';
const apiHost = api.slice(0, api.lastIndexOf(':'));
const apiPort = api.slice(api.lastIndexOf(':') + 1);

function request(method, route, headers, onResponse) {
  return http.request(
    { agent, host: apiHost, port: apiPort, method, headers, path: `/2018-06-01/runtime/${route}` },
    onResponse,
  );
}

// Sets no timeout: the process may be frozen for hours inside next.
function call(method, route, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const data = body === undefined ? undefined : Buffer.from(body);
    const all = data ? { 'Content-Type': 'application/json', 'Content-Length': data.length, ...headers } : headers;
    const req = request(method, route, all, (res) => {
      const chunks = [];
      res.on('data', (c) => chunks.push(c));
      res.on('error', reject);
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString() }));
    });
    req.on('error', reject);
    req.end(data);
  });
}

async function next() {
  const res = await call('GET', 'invocation/next');
  if (res.status !== 200) throw new Error(`Runtime API: next answered ${res.status}: ${res.body}`);
  return res;
}

async function post(route, body, headers) {
  const res = await call('POST', route, body, headers);
  if (res.status >= 300) console.error(`Runtime API refused ${route}: ${res.status} ${res.body}`);
}

const postResponse = (id, json) => post(`invocation/${encodeURIComponent(id)}/response`, json);

function postError(route, err) {
  const body = errorBody(err);
  // A header takes printable ASCII only; the type is whatever the user named it.
  const type = String(body.errorType).replace(/[^\x20-\x7e]/g, '?');
  return post(route, JSON.stringify(body), { 'Lambda-Runtime-Function-Error-Type': type });
}

const postInvokeError = (id, err) => postError(`invocation/${encodeURIComponent(id)}/error`, err);

function serialize(result) {
  try {
    return JSON.stringify(result) ?? 'null'; // undefined, functions and symbols have no JSON
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

// ---- Context ---------------------------------------------------------------

function header(headers, name, title) {
  const text = headers[name];
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (err) {
    throw new Error(`Cannot parse ${title} as json: ${err}`);
  }
}

function contextData(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, // a string, as on AWS
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: header(headers, 'lambda-runtime-client-context', 'ClientContext'),
    identity: header(headers, 'lambda-runtime-cognito-identity', 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
    ...(asyncOnly && { xRayTraceId: headers['lambda-runtime-trace-id'] }),
  };
}

// ---- One invocation --------------------------------------------------------

// What happens when the event loop runs dry during an invocation; undefined
// between invocations.
let onEmptyLoop;

const neverSettled = () =>
  runtimeError(
    'NodeJsExit',
    'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes',
  );

async function fail(id, err) {
  onEmptyLoop = undefined;
  logError('Invoke Error', err);
  await postInvokeError(id, err);
}

// classic resolves when the result has been reported. The first of callback,
// done, succeed, fail and the handler's promise wins; later ones do nothing.
// A result given to the callback is sent only when the event loop is empty,
// unless context.callbackWaitsForEmptyEventLoop is false.
function classic(handler, { headers, body }) {
  const id = headers['lambda-runtime-aws-request-id'];
  return new Promise((resolve, reject) => {
    let taken = false;
    let waits = true;
    const first = (fn) => (...args) => {
      if (taken) return;
      taken = true;
      fn(...args);
    };
    const finish = (err, result) => {
      onEmptyLoop = undefined;
      let json;
      if (err === undefined || err === null) {
        try {
          json = serialize(result);
        } catch (e) {
          err = e;
        }
      }
      (json === undefined ? fail(id, err) : postResponse(id, json)).then(resolve, reject);
    };
    const callback = first((err, result) => {
      if ((err === undefined || err === null) && waits) onEmptyLoop = () => finish(null, result);
      else finish(err, result);
    });
    const done = first(finish);
    const succeed = (result) => done(null, result);
    const failed = (err) => done(err ?? 'handled', null);

    onEmptyLoop = first(() =>
      handler.constructor?.name === 'AsyncFunction' ? finish(neverSettled()) : finish(null, null),
    );
    try {
      const context = {
        get callbackWaitsForEmptyEventLoop() {
          return waits;
        },
        set callbackWaitsForEmptyEventLoop(value) {
          waits = Boolean(value);
        },
        done,
        succeed,
        fail: failed,
      };
      const result = handler(JSON.parse(body), Object.assign(context, contextData(headers)), callback);
      if (typeof result?.then === 'function') result.then(succeed, failed);
    } catch (err) {
      done(err);
    }
  });
}

async function plain(handler, { headers, body }) {
  const id = headers['lambda-runtime-aws-request-id'];
  let json;
  try {
    if (concurrency === 1) onEmptyLoop = () => fail(id, neverSettled()).finally(() => process.exit(13));
    json = serialize(await handler(JSON.parse(body), contextData(headers)));
  } catch (err) {
    return fail(id, err);
  }
  onEmptyLoop = undefined;
  return postResponse(id, json);
}

// ---- Response streaming ----------------------------------------------------

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const TRAILERS = ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'];

// ResponseStream sends what the handler writes as a chunked response. The
// request opens with the first byte; an error before it is an ordinary error
// report, an error after it travels in the trailers.
class ResponseStream extends Writable {
  #id;
  #request;
  #contentType = 'application/octet-stream';
  responded = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor(id, options) {
    super(options);
    this.#id = id;
    this.responded.catch(() => {}); // awaited by the runtime only on success
  }
  get started() {
    return this.#request !== undefined;
  }
  setContentType(type) {
    if (this.started) throw runtimeError('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    this.#contentType = type;
  }
  write(chunk, encoding, callback) {
    const raw = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(raw ? chunk : JSON.stringify(chunk), encoding, callback);
  }
  #open() {
    if (this.started) return;
    const headers = {
      'Content-Type': this.#contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: TRAILERS.join(', '),
    };
    this.#request = request('POST', `invocation/${encodeURIComponent(this.#id)}/response`, headers, (res) => {
      res.resume();
      res.on('end', this.resolve);
    });
    this.#request.on('error', this.reject);
    this._onBeforeFirstWrite?.((chunk) => this.#request.write(chunk));
  }
  _write(chunk, _encoding, callback) {
    this.#open();
    this.#request.write(chunk, callback);
  }
  _final(callback) {
    this.#open();
    this.#request.end(callback);
  }
  async fail(err) {
    if (!this.started) return postInvokeError(this.#id, err);
    const body = errorBody(err);
    this.#request.addTrailers({
      [TRAILERS[0]]: String(body.errorType).replace(/[^\x20-\x7e]/g, '?'),
      [TRAILERS[1]]: Buffer.from(JSON.stringify(body)).toString('base64'),
    });
    this.#request.end();
    await this.responded;
  }
}

async function streaming(handler, { headers, body }) {
  const id = headers['lambda-runtime-aws-request-id'];
  const mark = parseInt(handler[HIGH_WATER_MARK], 10);
  const stream = new ResponseStream(id, mark > 0 ? { highWaterMark: mark } : undefined);
  try {
    const dry = new Promise((_, reject) => {
      if (concurrency === 1) onEmptyLoop = () => reject(new Error('Response stream is not finished.'));
    });
    const result = handler(JSON.parse(body), stream, contextData(headers));
    if (typeof result?.then !== 'function') throw 'Streaming does not support non-async handlers.';
    if ((await Promise.race([result, dry])) !== undefined) console.warn('Streaming handlers ignore return values.');
    await Promise.race([stream.responded, dry]);
    onEmptyLoop = undefined;
  } catch (err) {
    onEmptyLoop = undefined;
    logError('Invoke Error', err);
    await stream.fail(err);
  }
}

function defineAwslambda() {
  if (['1', 'true'].includes(env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
      return handler;
    },
    HttpResponseStream: {
      // The JSON prelude, eight zero bytes, then the body.
      from(stream, prelude) {
        stream.setContentType('application/vnd.awslambda.http-integration-response');
        stream._onBeforeFirstWrite = (write) => {
          write(JSON.stringify(prelude));
          write(new Uint8Array(8));
        };
        return stream;
      },
    },
  };
}

// ---- Loading the handler ---------------------------------------------------

// The nearest package.json decides how Node.js reads a .js file.
function isModuleFolder(folder) {
  if (path.basename(folder) === 'node_modules') return false;
  const file = path.join(folder, 'package.json');
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
    } catch (err) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, err);
      return false;
    }
  }
  const parent = path.dirname(folder);
  return parent !== folder && isModuleFolder(parent);
}

async function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const isModule = isModuleFolder(path.dirname(file));
  const kinds = [['', false], ['.js', isModule], ['.mjs', true], ['.cjs', false]];
  if (runtimeMajor >= 24) kinds.push(['.ts', isModule], ['.mts', true], ['.cts', false]);
  for (const [extension, asModule] of kinds) {
    if (!fs.existsSync(file + extension)) continue;
    if (asModule) return import(pathToFileURL(file + extension).href);
    return require(file + extension);
  }
  // A handler inside an installed package: found as require() finds it.
  return require(require.resolve(name, { paths: [root, path.join(root, folder)] }));
}

async function loadHandler(root, full) {
  if (full.includes('..')) {
    throw runtimeError(
      'MalformedHandlerName',
      `'${full}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(full);
  const folder = full.slice(0, full.lastIndexOf(base));
  const dot = base.indexOf('.');
  if (dot < 0) throw runtimeError('MalformedHandlerName', 'Bad handler');

  let loaded;
  try {
    loaded = await loadModule(root, folder, base.slice(0, dot));
  } catch (err) {
    if (err instanceof SyntaxError) throw runtimeError('UserCodeSyntaxError', String(err), err);
    if (err?.code === 'MODULE_NOT_FOUND') throw runtimeError('ImportModuleError', String(err), err);
    throw err;
  }
  const handler = base
    .slice(dot + 1)
    .split('.')
    .reduce((value, key) => value?.[key], loaded);
  if (!handler) throw runtimeError('HandlerNotFound', `${full} is undefined or not exported`);
  if (typeof handler !== 'function') throw runtimeError('HandlerNotFound', `${full} is not a function`);
  if (handler[STREAMING] && handler[STREAMING] !== 'response') {
    throw runtimeError('MalformedStreamingHandler', 'Only response streaming is supported.');
  }
  if (asyncOnly && !handler[STREAMING] && handler.length >= 3) {
    throw runtimeError(
      'CallbackHandlerDeprecated',
      'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.',
    );
  }
  return handler;
}

// ---- The loop --------------------------------------------------------------

// Where a crash outside the handler's own promise is reported to.
let crashRoute = 'init/error';

async function crash(title, err, code) {
  onEmptyLoop = undefined;
  logError(title, err);
  try {
    // With several invocations in flight nobody knows whose crash it is: the
    // exit fails them all.
    if (crashRoute) await postError(crashRoute, err);
  } finally {
    process.exit(code);
  }
}

async function loop(run) {
  for (;;) {
    const invocation = await next();
    const { headers } = invocation;
    const id = headers['lambda-runtime-aws-request-id'];
    if (concurrency > 1) {
      // The trace id is in the context: one environment variable cannot hold several.
      await perInvocation.run(id, () => run(invocation));
      continue;
    }
    lastRequestId = id;
    crashRoute = `invocation/${encodeURIComponent(id)}/error`;
    if (headers['lambda-runtime-trace-id']) env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    else delete env._X_AMZN_TRACE_ID;
    await run(invocation);
  }
}

function hint(err) {
  const sdk = /Cannot find (?:module|package) '((?:@aws-sdk\/|@smithy\/|aws-sdk)[^']*)'/.exec(err?.message ?? '')?.[1];
  if (sdk) {
    process.stderr.write(
      `thaw: AWS's Node.js runtime brings ${sdk} along, this machine does not: run "npm install ${sdk}" in ${env.LAMBDA_TASK_ROOT}\n`,
    );
  }
}

async function main() {
  patchConsole();
  process.on('beforeExit', () => onEmptyLoop?.());
  process.on('uncaughtException', (err) => crash('Uncaught Exception', err, 129));
  process.on('unhandledRejection', (reason) => {
    const err = runtimeError('UnhandledPromiseRejection', String(reason?.toString?.() ?? reason), reason);
    crash('Unhandled Promise Rejection', Object.assign(err, { reason }), 128);
  });
  defineAwslambda();

  let handler;
  try {
    handler = await loadHandler(env.LAMBDA_TASK_ROOT ?? process.cwd(), env._HANDLER ?? '');
  } catch (err) {
    hint(err);
    return crash(asyncOnly ? 'Init Error' : 'Uncaught Exception', err, 129);
  }
  const run = handler[STREAMING] ? streaming : asyncOnly ? plain : classic;
  if (concurrency > 1) crashRoute = undefined;
  try {
    // AWS also spreads concurrent invocations over worker threads; one thread
    // with several loops keeps the property that matters here: invocations of
    // one environment share the module's state.
    await Promise.all(Array.from({ length: concurrency }, () => loop((inv) => run(handler, inv))));
  } catch (err) {
    process.stderr.write(`thaw: lost the Runtime API at ${api}: ${err.message}\n`);
    process.exit(1);
  }
}

main();
