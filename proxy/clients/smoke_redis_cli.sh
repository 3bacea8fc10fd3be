#!/usr/bin/env bash
# Runs redis-cli (or $THAW_SMOKE_CLI) through THAW_SMOKE_HOST:THAW_SMOKE_PORT:
# one line a step, and out with exit code 1 at the first wrong answer.
set -euo pipefail

tool=${THAW_SMOKE_CLI:-redis-cli}
base="redis-cli:$$"
cli() { "$tool" -h "$THAW_SMOKE_HOST" -p "$THAW_SMOKE_PORT" "$@"; }
step() { echo "ok $*"; }
fail() { echo "FAIL $*" >&2; exit 1; }
# expect WHAT GOT WANTED
expect() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
join() { tr '\n' ' ' | sed 's/ $//'; }

expect PING "$(cli ping)" PONG
expect "PING, RESP3" "$(cli -3 ping)" PONG
expect "CLIENT SETNAME and GETNAME" "$(printf 'client setname smoke-cli\nclient getname\n' | cli | join)" "OK smoke-cli"
expect "database 3" "$(cli -n 3 set "$base:db" three)" OK
expect "database 3 again" "$(printf 'get %s\nselect 4\nget %s\n' "$base:db" "$base:db" | cli -n 3 | join)" "three OK "
cli -n 3 del "$base:db" >/dev/null
step handshake, names, databases

expect "HELLO 3 within a session" "$(printf 'hello 3\nhset %s a 1\nhgetall %s\n' "$base:h" "$base:h" | cli --no-raw | tail -1)" '1# "a" => "1"'
expect "unknown command" "$(cli nosuchcommand | cut -c1-19)" "ERR unknown command"
expect "wrong arity" "$(cli get | cut -c1-29)" "ERR wrong number of arguments"
expect "wrong type" "$(cli lpush "$base:h" x | cut -c1-9)" WRONGTYPE
step RESP3, errors

expect "1000 INCR from standard input" "$(for _ in $(seq 1000); do echo "incr $base:n"; done | cli | tail -1)" 1000
bulk=$(for i in $(seq 5000); do printf '*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n' "${#base}" "$base"; done | cli --pipe 2>&1 | tail -1)
expect "--pipe" "$bulk" "errors: 0, replies: 5000"
step pipelines

expect "MULTI, EXEC" "$(printf 'multi\nset %s 1\nincr %s\nexec\n' "$base:t" "$base:t" | cli | join)" "OK QUEUED QUEUED OK 2"
expect "DISCARD" "$(printf 'multi\nset %s 9\ndiscard\nget %s\n' "$base:t" "$base:t" | cli | join)" "OK QUEUED OK 2"
expect "WATCH without a change" "$(printf 'watch %s\nmulti\nset %s 3\nexec\n' "$base:t" "$base:t" | cli | join)" "OK OK QUEUED OK"
watched=$({ printf 'watch %s\n' "$base:t"; sleep 0.5; cli set "$base:t" changed >/dev/null; printf 'multi\nset %s lost\nexec\nget %s\n' "$base:t" "$base:t"; } | cli | join)
expect "WATCH with a change" "$watched" "OK OK QUEUED  changed"
expect "EXEC without MULTI" "$(cli exec)" "ERR EXEC without MULTI"
step transactions

heard=$(mktemp)
trap 'rm -f "$heard"' EXIT
(exec timeout 5 "$tool" -h "$THAW_SMOKE_HOST" -p "$THAW_SMOKE_PORT" subscribe "$base:ch" >"$heard") &
subscriber=$!
for _ in $(seq 50); do
  [ "$(cli publish "$base:ch" hello)" = 1 ] && break
  sleep 0.1
done
sleep 0.3
kill "$subscriber" 2>/dev/null || true
wait "$subscriber" 2>/dev/null || true
expect "the subscriber hears" "$(tail -3 "$heard" | join)" "message $base:ch hello"
step pub/sub

(sleep 0.3; cli rpush "$base:q" job >/dev/null) &
expect BLPOP "$(cli blpop "$base:q" 5 | join)" "$base:q job"
wait
expect "BLPOP of nothing" "$(cli blpop "$base:q" 1 | join)" ""
step blocking calls

expect EVAL "$(cli eval 'return {KEYS[1], ARGV[1]}' 1 k v | join)" "k v"
sha=$(cli script load 'return 42')
expect EVALSHA "$(cli evalsha "$sha" 0)" 42
expect NOSCRIPT "$(cli evalsha 0000000000000000000000000000000000000000 0 | cut -c1-8)" NOSCRIPT
step scripts

expect "--scan" "$(cli --scan --pattern "$base:n")" "$base:n"
expect "INFO" "$(cli info server | grep -c '^redis_version:')" 1
expect "COMMAND COUNT" "$([ "$(cli command count)" -gt 100 ] && echo many)" many
step scan, INFO, COMMAND

if [ -n "${THAW_SMOKE_CONTROL:-}" ]; then
  cli set "$base:r" kept >/dev/null
  for side in client upstream; do
    # redis-cli says that its connection is gone, and connects again for the
    # command after.
    got=$({ echo "get $base:r"; sleep 0.4; curl -fsS "$THAW_SMOKE_CONTROL/cut/$side" >/dev/null; sleep 0.4; printf 'get %s\nget %s\n' "$base:r" "$base:r"; } |
      cli 2>&1)
    expect "GET before the $side connection was cut" "$(head -1 <<<"$got")" kept
    expect "GET after the $side connection was cut" "$(tail -1 <<<"$got")" kept
    step "reconnect, $side connection cut"
  done
fi
