package lambdaapi

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever a client sends, the answer is one that an SDK understands.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][5]string{
		{"POST", invokePath, "", `{}`, "Event"},
		{"POST", "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:Api:live/invocations", "Qualifier=live", `{"a":`, "Tail"},
		{"GET", "/2015-03-31/functions", "Marker=9223372036854775807&MaxItems=10000", "", ""},
		{"PUT", "/2015-03-31/functions/Api/configuration", "", `{"MemorySize":1e3,"VpcConfig":{"SubnetIds":null},"Environment":{"Variables":{"":""}}}`, ""},
		{"PUT", "/2019-09-30/functions/Api/provisioned-concurrency", "List=ALL&Qualifier=%24LATEST", `{"ProvisionedConcurrentExecutions":-1}`, ""},
		{"GET", "/2015-03-31/functions/%2e%2e/../x", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, method, path, query, body, header string) {
		target := url.URL{Scheme: "http", Host: "127.0.0.1:9500", Path: path, RawQuery: query}
		if _, err := url.Parse(target.String()); err != nil || strings.ContainsAny(method, " \r\n") || method == "" || !strings.HasPrefix(path, "/") {
			return
		}
		backend := &fake{}
		s := New(backend)
		defer s.Close()
		r := httptest.NewRequest("GET", "http://127.0.0.1:9500/", strings.NewReader(body))
		r.Method, r.URL = method, &target
		for _, name := range []string{"X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context", "X-Amzn-Trace-Id"} {
			r.Header.Set(name, header)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch {
		case w.Code >= 500:
			t.Errorf("%d %s", w.Code, w.Body)
		case w.Code >= 400 && (w.Header().Get("X-Amzn-Errortype") == "" || !json.Valid(w.Body.Bytes())):
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		for _, in := range backend.invoked {
			if !json.Valid(in.Payload) {
				t.Errorf("the function got %q", in.Payload)
			}
		}
	})
}

// A name that is accepted is one that a function can have, and means the same
// when it is written out in full.
func FuzzName(f *testing.F) {
	for _, seed := range []string{
		"Api", "Api:live", "Api:$LATEST", "myfunction:live", "123456789012:Api", "123456789012:function:Api:2", "function:Api",
		"arn:aws:lambda:us-east-1:123456789012:function:Api", "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:Api:live",
		"arn:aws:iam::1:role/x", "", ":", "Api:", "a:b:c", "Api:$latest", "Äpi",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		function, qualifier, ok := splitName(text)
		if !ok {
			return
		}
		full := "arn:aws:lambda:us-east-1:123456789012:function:" + function
		if qualifier != "" {
			full += ":" + qualifier
		}
		again, same, ok := splitName(full)
		if len(full) <= maxName && (!ok || again != function || same != qualifier) {
			t.Errorf("%q is %q %q, but %q is %q %q", text, function, qualifier, full, again, same)
		}
		if function == "" || strings.ContainsAny(function+qualifier, ":/ ") {
			t.Errorf("%q: function %q, qualifier %q", text, function, qualifier)
		}
	})
}

func TestNames(t *testing.T) {
	for text, want := range map[string][2]string{
		"Api":                         {"Api", ""},
		"my_function:live":            {"my_function", "live"},
		"myfunction:live":             {"myfunction", "live"}, // not the function "live"
		"123456789012:function:Api:2": {"Api", "2"},
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:Api:$LATEST": {"Api", "$LATEST"},
		"arn:aws:s3:::bucket": {"", ""},
		"a:b:c":               {"", ""},
		"Api:":                {"", ""},
		"a b":                 {"", ""},
	} {
		function, qualifier, ok := splitName(text)
		if got := [2]string{function, qualifier}; got != want || ok != (want[0] != "") {
			t.Errorf("%s: %q %v, want %q", text, got, ok, want)
		}
	}
}
