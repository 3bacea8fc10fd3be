// Handlers of every form that AWS's Node.js runtime knows.
'use strict';

exports.echo = async (event, context) => ({
  event,
  requestId: context.awsRequestId,
  name: context.functionName,
  version: context.functionVersion,
  arn: context.invokedFunctionArn,
  memory: context.memoryLimitInMB,
  group: context.logGroupName,
  stream: context.logStreamName,
  client: context.clientContext,
  identity: context.identity,
  remaining: context.getRemainingTimeInMillis(),
  trace: process.env._X_AMZN_TRACE_ID,
  custom: process.env.CUSTOM,
  waits: context.callbackWaitsForEmptyEventLoop,
});

exports.nothing = async () => {};
exports.sync = () => 'ignored: only a promise or the callback gives a result';
exports.promise = () => Promise.resolve('promised');
exports.callback = (event, context, callback) => callback(null, 'called back');
exports.callbackError = (event, context, callback) => callback(new RangeError('too far'));
exports.callbackText = (event, context, callback) => callback('just text');
exports.done = (event, context) => context.done(null, 'done');
exports.succeed = (event, context) => context.succeed('succeeded');
exports.fail = (event, context) => context.fail(new Error('failed'));

// The timer keeps the event loop busy: with the default the answer waits for it.
exports.waits = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = event.wait;
  const state = { fired: false };
  setTimeout(() => (state.fired = true), 300);
  callback(null, { toJSON: () => state.fired });
};

exports.throws = async () => {
  class StoreError extends Error {
    name = 'StoreError';
  }
  throw new StoreError('no such product');
};
exports.throwsSync = () => {
  throw new TypeError('sync');
};
exports.throwsText = async () => {
  throw 'plain text';
};
exports.circular = async () => {
  const a = {};
  a.a = a;
  return a;
};
exports.never = async () => new Promise(() => {});
exports.uncaught = async () => {
  setTimeout(() => {
    throw new Error('from a timer');
  }, 1);
  return new Promise((resolve) => setTimeout(resolve, 2000));
};
exports.rejected = async () => {
  Promise.reject(new Error('nobody awaits me'));
  return new Promise((resolve) => setTimeout(resolve, 2000));
};

exports.logs = async () => {
  console.log('plain %s', 'text', { a: 1 });
  console.info('two\nlines');
  console.warn('careful');
  console.error('bad');
  console.debug('detail');
};

exports.value = { not: 'a function' };
exports.inner = { handler: async () => 'inner' };

// Two at once: each waits until the other is in flight.
let inFlight = 0;
exports.together = async (event, context) => {
  inFlight++;
  for (let i = 0; i < 500 && inFlight < 2; i++) await new Promise((r) => setTimeout(r, 10));
  console.log('together');
  return { id: context.awsRequestId, inFlight, trace: context.xRayTraceId };
};

if (globalThis.awslambda) {
  exports.stream = awslambda.streamifyResponse(async (event, stream) => {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
    stream.write('one,');
    await new Promise((r) => setTimeout(r, 10));
    stream.write('two');
    if (event.fail) throw new Error('midway');
    stream.end();
  });
}
