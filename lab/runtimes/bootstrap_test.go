package runtimes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var languages = []struct{ program, runtime, folder, prefix string }{
	{"node", "nodejs22.x", "node", "index."},
	{"python3", "python3.13", "python", "app."},
}

// each runs a test in both languages.
func each(t *testing.T, test func(t *testing.T, runtime, folder, prefix string)) {
	for _, l := range languages {
		t.Run(l.folder, func(t *testing.T) {
			need(t, l.program)
			test(t, l.runtime, l.folder, l.prefix)
		})
	}
}

func TestContextAndEnvironment(t *testing.T) {
	each(t, func(t *testing.T, runtime, folder, prefix string) {
		e := start(t, runtime, folder, prefix+"echo", "CUSTOM=yes")
		body := e.invoke("r-1", `{"id":"42"}`,
			"Lambda-Runtime-Trace-Id", "Root=1-a", "Lambda-Runtime-Client-Context", `{"custom":{"k":"v"},"client":{"app_title":"shop"}}`,
			"Lambda-Runtime-Cognito-Identity", `{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}`).body
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"requestId": "r-1", "name": "shop", "version": "$LATEST", "memory": "128", "custom": "yes", "trace": "Root=1-a",
			"arn":   "arn:aws:lambda:eu-west-1:123456789012:function:shop",
			"group": "/aws/lambda/shop", "stream": "2026/11/23/[$LATEST]0"}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s = %v, want %v", name, got[name], value)
			}
		}
		if got["event"].(map[string]any)["id"] != "42" || !strings.Contains(body, "shop") || !strings.Contains(body, `"me"`) {
			t.Errorf("event, client context or identity: %s", body)
		}
		if left, _ := got["remaining"].(float64); left <= 0 || left > 30_000 {
			t.Errorf("remaining time %v ms of 30 s", got["remaining"])
		}
		if folder == "python" && got["path"] != true {
			t.Error("the code folder is not first in sys.path and the working directory")
		}
		// The trace id belongs to one invocation.
		var second map[string]any
		if err := json.Unmarshal([]byte(e.invoke("r-2", `null`).body), &second); err != nil {
			t.Fatal(err)
		}
		if second["trace"] != nil || second["event"] != nil {
			t.Errorf("second invocation sees trace %v, event %v", second["trace"], second["event"])
		}
	})
}

func TestResults(t *testing.T) {
	cases := []struct{ language, handler, event, want string }{
		{"node", "index.nothing", "{}", "null"},
		{"node", "index.sync", "{}", "null"},
		{"node", "index.promise", "{}", `"promised"`},
		{"node", "index.callback", "{}", `"called back"`},
		{"node", "index.done", "{}", `"done"`},
		{"node", "index.succeed", "{}", `"succeeded"`},
		{"node", "index.waits", `{"wait":true}`, "true"},
		{"node", "index.waits", `{"wait":false}`, "false"},
		{"node", "index.inner.handler", "{}", `"inner"`},
		{"node", "nested/deep/app.handler", `1`, `{"module":"app.mjs","event":1}`},
		{"node", "typed/index.handler", "{}", `"typed"`},
		{"node", "typed/old.handler", "{}", `"cjs"`},
		{"python", "app.nothing", "{}", "null"},
		{"python", "app.numbers", "{}", `{"a": 1.5, "b": 7, "text": "é"}`},
		{"python", "nested/deep/mod.handler", "{}", `"nested.deep.mod"`},
		{"python", "nested.deep.mod.handler", "{}", `"nested.deep.mod"`},
	}
	for _, c := range cases {
		t.Run(c.language+"/"+strings.ReplaceAll(c.handler, "/", "_")+c.event, func(t *testing.T) {
			e := startLanguage(t, c.language, c.handler)
			for _, id := range []string{"r-1", "r-2"} { // the loop goes on after each form of result
				if got := e.invoke(id, c.event); got.failed || got.body != c.want {
					t.Fatalf("%s: %+v, want %s", id, got, c.want)
				}
			}
		})
	}
}

func startLanguage(t *testing.T, language, handler string, env ...string) *environment {
	t.Helper()
	for _, l := range languages {
		if l.folder == language {
			need(t, l.program)
			return start(t, l.runtime, language, handler, env...)
		}
	}
	panic(language)
}

func TestInvocationErrors(t *testing.T) {
	cases := []struct{ language, handler, kind, message string }{
		{"node", "index.throws", "StoreError", "no such product"},
		{"node", "index.throwsSync", "TypeError", "sync"},
		{"node", "index.throwsText", "string", "plain text"},
		{"node", "index.callbackError", "RangeError", "too far"},
		{"node", "index.callbackText", "string", "just text"},
		{"node", "index.fail", "Error", "failed"},
		{"node", "index.circular", "Error", "Unable to stringify response body"},
		{"node", "index.never", "Runtime.NodeJsExit", "Promise that was never settled"},
		{"python", "app.throws", "StoreError", "no such product"},
		{"python", "app.unserializable", "Runtime.MarshalError", "Unable to marshal response: Object of type object is not JSON serializable"},
	}
	for _, c := range cases {
		t.Run(c.language+"/"+c.handler, func(t *testing.T) {
			e := startLanguage(t, c.language, c.handler)
			for _, id := range []string{"r-1", "r-2"} { // an error does not end the environment
				f := e.invoke(id, `{}`).failure(t)
				if f.ErrorType != c.kind || !strings.Contains(f.ErrorMessage, c.message) {
					t.Fatalf("%s: %+v, want %s %q", id, f, c.kind, c.message)
				}
			}
			if out := e.stdout.String(); !strings.Contains(out, c.message) {
				t.Errorf("the error is not in the log: %q", out)
			}
		})
	}
}

func TestStackTraceStartsInTheHandler(t *testing.T) {
	each(t, func(t *testing.T, runtime, folder, prefix string) {
		f := start(t, runtime, folder, prefix+"throws").invoke("r-1", "{}").failure(t)
		frames := strings.Join(append(f.Trace, f.StackTrace...), "\n")
		if !strings.Contains(frames, filepath.Join("testdata", folder)) {
			t.Errorf("no frame of the handler in %q", frames)
		}
		if folder == "python" && strings.Contains(frames, "bootstrap.py") {
			t.Errorf("the bootstrap's own frames in %q", frames)
		}
	})
}

// TestCrashes guards that a crash outside the handler's promise is reported to
// the invocation, and then ends the process with AWS's exit code.
func TestCrashes(t *testing.T) {
	cases := []struct {
		handler, kind, message string
		code                   int
	}{
		{"index.uncaught", "Error", "from a timer", 129},
		{"index.rejected", "Runtime.UnhandledPromiseRejection", "Error: nobody awaits me", 128},
	}
	for _, c := range cases {
		t.Run(c.handler, func(t *testing.T) {
			e := startLanguage(t, "node", c.handler)
			f := e.invoke("r-1", "{}").failure(t)
			if f.ErrorType != c.kind || f.ErrorMessage != c.message || e.exitCode() != c.code {
				t.Errorf("%+v, exit %d, want %+v", f, e.exitCode(), c)
			}
		})
	}
	t.Run("app.exits", func(t *testing.T) {
		e := startLanguage(t, "python", "app.exits")
		e.send("r-1", "{}")
		if code := e.exitCode(); code != 3 || len(e.reports) != 0 {
			t.Errorf("sys.exit(3): exit %d, %d reports; the platform reports Runtime.ExitError", code, len(e.reports))
		}
	})
}

func TestInitErrors(t *testing.T) {
	cases := []struct{ language, handler, kind, message string }{
		{"node", "nodot", "Runtime.MalformedHandlerName", "Bad handler"},
		{"node", "../index.echo", "Runtime.MalformedHandlerName", "is not a valid handler name"},
		{"node", "absent.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'absent'"},
		{"node", "broken/imports.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'no-such-package'"},
		{"node", "broken/esm.handler", "Error", "Cannot find package '@aws-sdk/client-nothing'"},
		{"node", "broken/syntax.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"},
		{"node", "broken/throws.handler", "Error", "at import"},
		{"node", "index.absent", "Runtime.HandlerNotFound", "index.absent is undefined or not exported"},
		{"node", "index.value", "Runtime.HandlerNotFound", "index.value is not a function"},
		{"python", "nodot", "Runtime.MalformedHandlerName", "Bad handler 'nodot'"},
		{"python", "absent.handler", "Runtime.ImportModuleError", "Unable to import module 'absent': No module named 'absent'"},
		{"python", "broken.imports.handler", "Runtime.ImportModuleError", "Unable to import module 'broken.imports': No module named 'no_such_package'"},
		{"python", "broken/syntax.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'broken/syntax': "},
		{"python", "broken/throws.handler", "ValueError", "at import"},
		{"python", "app.absent", "Runtime.HandlerNotFound", "Handler 'absent' missing on module 'app'"},
		{"python", "sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"},
	}
	for _, c := range cases {
		t.Run(c.language+"/"+strings.ReplaceAll(c.handler, "/", "_"), func(t *testing.T) {
			valid := map[string]string{"node": "index.echo", "python": "app.echo"}[c.language]
			e := startLanguage(t, c.language, valid, "_HANDLER="+c.handler) // past Command's own checks
			r := e.report()
			if f := r.failure(t); r.id != "" || f.ErrorType != c.kind || !strings.Contains(f.ErrorMessage, c.message) {
				t.Errorf("%+v, want %s %q", r, c.kind, c.message)
			}
			if want := map[string]int{"node": 129, "python": 1}[c.language]; e.exitCode() != want {
				t.Errorf("exit code %d, want %d", e.exitCode(), want)
			}
			if strings.Contains(c.message, "@aws-sdk/") && !strings.Contains(e.stderr.String(), "npm install") {
				t.Errorf("no way out on stderr: %q", &e.stderr)
			}
		})
	}
}

// TestNode24RefusesCallbacks guards what AWS changed with nodejs24.x.
func TestNode24RefusesCallbacks(t *testing.T) {
	need(t, "node")
	t.Run("callback", func(t *testing.T) {
		e := start(t, "nodejs24.x", "node", "index.callback")
		if f := e.report().failure(t); f.ErrorType != "Runtime.CallbackHandlerDeprecated" || e.exitCode() != 129 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("async", func(t *testing.T) {
		e := start(t, "nodejs24.x", "node", "index.echo")
		for _, id := range []string{"r-1", "r-2"} {
			if r := e.invoke(id, "{}"); r.failed || strings.Contains(r.body, "waits") {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestConsoleFormat(t *testing.T) {
	t.Run("node", func(t *testing.T) {
		e := startLanguage(t, "node", "index.logs")
		e.invoke("r-1", "{}")
		const stamp = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tr-1\t`
		wantLines(t, e, stamp+`INFO\tplain text \{ a: 1 \}$`, stamp+`INFO\ttwo\rlines$`, stamp+`WARN\tcareful$`, stamp+`ERROR\tbad$`, stamp+`DEBUG\tdetail$`)
	})
	t.Run("node json", func(t *testing.T) {
		e := startLanguage(t, "node", "index.logs", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=WARN")
		e.invoke("r-1", "{}")
		wantLines(t, e, `^\{"timestamp":"[^"]+","level":"WARN","requestId":"r-1","message":"careful"\}$`, `"level":"ERROR"`)
	})
	t.Run("python", func(t *testing.T) {
		e := startLanguage(t, "python", "app.logs")
		e.invoke("r-1", "{}")
		const stamp = `\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tr-1\t`
		wantLines(t, e, `^printed words$`, `^\[WARNING\]`+stamp+`careful$`, `^\[INFO\]`+stamp+`shown$`)
	})
	t.Run("python json", func(t *testing.T) {
		e := startLanguage(t, "python", "app.logs", "AWS_LAMBDA_LOG_FORMAT=JSON")
		e.invoke("r-1", "{}")
		wantLines(t, e, `^printed words$`, `"level": "WARNING", "message": "careful", "logger": "shop", "requestId": "r-1"`, `"message": "shown"`)
	})
}

// wantLines compares what was logged by the time of the report: nothing may
// stay in a buffer, because the process could be frozen from then on.
func wantLines(t *testing.T, e *environment, patterns ...string) {
	t.Helper()
	e.prints(regexp.MustCompile(`(?s)(.*\n){` + strconv.Itoa(len(patterns)) + `}`))
	lines := strings.Split(strings.TrimSuffix(e.stdout.String(), "\n"), "\n")
	if len(lines) < len(patterns) {
		t.Fatalf("%d lines, want %d: %q", len(lines), len(patterns), lines)
	}
	for i, pattern := range patterns {
		if !regexp.MustCompile(pattern).MatchString(lines[i]) {
			t.Errorf("line %d is %q, want %s", i, lines[i], pattern)
		}
	}
}

func TestTwoInvocationsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, runtime, folder, prefix string) {
		e := start(t, runtime, folder, prefix+"together", "AWS_LAMBDA_MAX_CONCURRENCY=2")
		e.send("r-1", "{}", "Lambda-Runtime-Trace-Id", "Root=1")
		e.send("r-2", "{}", "Lambda-Runtime-Trace-Id", "Root=2")
		var ids []string
		for range 2 {
			r := e.report()
			var got struct {
				ID       string
				InFlight int
			}
			if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.failed || got.ID != r.id || got.InFlight != 2 {
				t.Fatalf("%+v: %v", r, err)
			}
			ids = append(ids, r.id)
		}
		if slices.Sort(ids); !slices.Equal(ids, []string{"r-1", "r-2"}) {
			t.Errorf("answered %v", ids)
		}
		for _, id := range ids { // each line carries the id of its own invocation
			if line := regexp.MustCompile(`\t` + id + `\t.*together`); !e.prints(line) {
				t.Errorf("no line of %s in %q", id, &e.stdout)
			}
		}
	})
}

func TestResponseStreaming(t *testing.T) {
	need(t, "node")
	e := start(t, "nodejs22.x", "node", "index.stream")
	const prelude = `{"statusCode":201}` + "\x00\x00\x00\x00\x00\x00\x00\x00"
	r := e.invoke("r-1", "{}")
	if r.failed || r.body != prelude+"one,two" || r.header.Get("Lambda-Runtime-Function-Response-Mode") != "streaming" ||
		r.header.Get("Content-Type") != "application/vnd.awslambda.http-integration-response" {
		t.Errorf("%+v", r)
	}
	r = e.invoke("r-2", `{"fail":true}`)
	if r.failed || r.body != prelude+"one,two" || r.trailer.Get("Lambda-Runtime-Function-Error-Type") != "Error" {
		t.Errorf("%+v", r)
	}
}

func TestRuntimeAPIGone(t *testing.T) {
	each(t, func(t *testing.T, runtime, folder, prefix string) {
		e := start(t, runtime, folder, prefix+"nothing")
		e.invoke("r-1", "{}")
		e.server.CloseClientConnections()
		e.server.Close()
		if e.exitCode() == 0 || !strings.Contains(e.stderr.String(), "lost the Runtime API") {
			t.Errorf("exit %d: %s", e.exitCode(), &e.stderr)
		}
	})
}

func TestMain(m *testing.M) {
	// The tests say what the function's environment is.
	for _, name := range []string{"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_MAX_CONCURRENCY", "_X_AMZN_TRACE_ID"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}
