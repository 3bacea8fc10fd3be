package lambdaapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What AWS refuses, in the order of the operations: status, exception and a part
// of the message.
func TestExceptions(t *testing.T) {
	const (
		functions = "/2015-03-31/functions/"
		reserved  = "/2017-10-31/functions/"
		newer     = "/2019-09-30/functions/"
	)
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code, message            string
	}{
		{"unknown function", "POST", functions + "Nobody/invocations", "{}", nil, 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:Nobody"},
		{"no qualifier of a function", "POST", invokePath + "?Qualifier=a%20b", "{}", nil, 400, "ValidationException", "'qualifier'"},
		{"two qualifiers", "POST", functions + "Api:live/invocations?Qualifier=1", "{}", nil, 400, "InvalidParameterValueException", "derived qualifier"},
		{"no name of a function", "GET", functions + "a%2Fb", "", nil, 400, "ValidationException", "functionName"},
		{"very long name", "GET", functions + strings.Repeat("x", 300), "", nil, 400, "ValidationException", "functionName"},
		{"no JSON", "POST", invokePath, `{"a":`, nil, 400, "InvalidRequestContentException", "Could not parse request body into json"},
		{"two documents", "POST", invokePath, `{} {}`, nil, 400, "InvalidRequestContentException", "after top-level value"},
		{"unknown type", "POST", invokePath, "{}", []string{"X-Amz-Invocation-Type: Later"}, 400, "ValidationException", "[Event, RequestResponse, DryRun]"},
		{"unknown log type", "POST", invokePath, "{}", []string{"X-Amz-Log-Type: All"}, 400, "ValidationException", "[None, Tail]"},
		{"client context no base64", "POST", invokePath, "{}", []string{"X-Amz-Client-Context: {}"}, 400, "InvalidRequestContentException", "Base64-encoded JSON object"},
		{"client context no object", "POST", invokePath, "{}", []string{"X-Amz-Client-Context: bnVsbA=="}, 400, "InvalidRequestContentException", "Base64-encoded JSON object"},
		{"client context too long", "POST", invokePath, "{}", []string{"X-Amz-Client-Context: " + strings.Repeat("A", 3584)}, 400, "InvalidRequestContentException", "3583"},
		{"unknown function, dry run", "POST", functions + "Nobody/invocations", "{}", []string{"X-Amz-Invocation-Type: DryRun"}, 404, "ResourceNotFoundException", "Nobody"},

		{"marker", "GET", functions + "?Marker=x", "", nil, 400, "InvalidParameterValueException", "Marker"},
		{"marker beyond", "GET", functions + "?Marker=9223372036854775807", "", nil, 400, "InvalidParameterValueException", "Marker"},
		{"page of none", "GET", functions + "?MaxItems=0", "", nil, 400, "ValidationException", "maxItems"},

		{"memory low", "PUT", functions + "Api/configuration", `{"MemorySize":64}`, nil, 400, "ValidationException", "'MemorySize' value failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{"memory high", "PUT", functions + "Api/configuration", `{"MemorySize":10241}`, nil, 400, "ValidationException", "less than or equal to 10240"},
		{"timeout low", "PUT", functions + "Api/configuration", `{"Timeout":0}`, nil, 400, "ValidationException", "'Timeout'"},
		{"timeout high", "PUT", functions + "Api/configuration", `{"Timeout":901}`, nil, 400, "ValidationException", "less than or equal to 900"},
		{"handler", "PUT", functions + "Api/configuration", `{"Handler":"a b"}`, nil, 400, "ValidationException", "handler"},
		{"reserved variables", "PUT", functions + "Api/configuration", `{"Environment":{"Variables":{"AWS_REGION":"x","_HANDLER":"y"}}}`, nil, 400, "InvalidParameterValueException", "AWS_REGION, _HANDLER"},
		{"name of a variable", "PUT", functions + "Api/configuration", `{"Environment":{"Variables":{"1A":"x"}}}`, nil, 400, "ValidationException", "environment.variables"},
		{"variables too large", "PUT", functions + "Api/configuration", `{"Environment":{"Variables":{"A1":"` + strings.Repeat("x", 4095) + `"}}}`, nil, 400, "InvalidParameterValueException", "4KB limit"},
		{"NUL in a variable", "PUT", functions + "Api/configuration", `{"Environment":{"Variables":{"A1":"\u0000"}}}`, nil, 400, "InvalidParameterValueException", "A1"},
		{"subnets without groups", "PUT", functions + "Api/configuration", `{"VpcConfig":{"SubnetIds":["subnet-1"]}}`, nil, 400, "InvalidParameterValueException", "must coexist"},
		{"too many groups", "PUT", functions + "Api/configuration", `{"VpcConfig":{"SubnetIds":["s"],"SecurityGroupIds":["1","2","3","4","5","6"]}}`, nil, 400, "ValidationException", "securityGroupIds"},
		{"another runtime", "PUT", functions + "Api/configuration", `{"Runtime":"nodejs22.x"}`, nil, 400, "InvalidParameterValueException", "cannot change Runtime"},
		{"an update that is no object", "PUT", functions + "Api/configuration", `[1]`, nil, 400, "InvalidRequestContentException", "parse"},
		{"an update of a kilobyte too much", "PUT", functions + "Api/configuration", strings.Repeat(" ", maxBody+1), nil, 413, "RequestTooLargeException", "65536"},
		{"old revision", "PUT", functions + "Api/configuration", `{"RevisionId":"r0"}`, nil, 412, "PreconditionFailedException", "Revision Id"},
		{"update of an alias", "PUT", functions + "Api:live/configuration", `{}`, nil, 400, "InvalidParameterValueException", "Aliases and versions"},

		{"no reserved number", "PUT", reserved + "Api/concurrency", `{}`, nil, 400, "ValidationException", "reservedConcurrentExecutions"},
		{"negative", "PUT", reserved + "Api/concurrency", `{"ReservedConcurrentExecutions":-1}`, nil, 400, "ValidationException", "greater than or equal to 0"},
		{"reserved of nobody", "DELETE", reserved + "Nobody/concurrency", "", nil, 404, "ResourceNotFoundException", "Nobody"},

		{"no qualifier", "PUT", newer + "Api/provisioned-concurrency", `{"ProvisionedConcurrentExecutions":1}`, nil, 400, "ValidationException", "qualifier"},
		{"$LATEST", "PUT", newer + "Api/provisioned-concurrency?Qualifier=$LATEST", `{"ProvisionedConcurrentExecutions":1}`, nil, 400, "InvalidParameterValueException", "unpublished function versions"},
		{"provisioned zero", "PUT", newer + "Api/provisioned-concurrency?Qualifier=live", `{"ProvisionedConcurrentExecutions":0}`, nil, 400, "ValidationException", "greater than or equal to 1"},
		{"none provisioned", "GET", newer + "Api/provisioned-concurrency?Qualifier=live", "", nil, 404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function"},
		{"none to delete", "DELETE", newer + "Api/provisioned-concurrency?Qualifier=live", "", nil, 404, "ProvisionedConcurrencyConfigNotFoundException", ""},

		{"not served", "POST", functions, `{}`, nil, 404, "UnknownOperationException", "does not serve POST"},
		{"a page's form", "POST", invokePath, `{}`, []string{"Origin: https://example.com"}, 403, "AccessDeniedException", "web pages"},
		{"an old page's form", "POST", invokePath, `{}`, []string{"Origin: null"}, 403, "AccessDeniedException", "web pages"},
		{"a page's image", "GET", functions, "", []string{"Sec-Fetch-Site: cross-site"}, 403, "AccessDeniedException", "web pages"},
		{"a name that leads here", "GET", functions, "", []string{"Host: rebind.example:9500"}, 403, "AccessDeniedException", "loopback address"},
		{"no host", "GET", functions, "", []string{"Host: "}, 403, "AccessDeniedException", "loopback address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			wantError(t, call(newServer(t, f), test.method, test.path, test.body, test.headers...), test.status, test.code, test.message)
			if len(f.invoked) > 0 {
				t.Error("the function was invoked")
			}
		})
	}
}

func TestLocalNames(t *testing.T) {
	s := newServer(t, &fake{})
	for _, host := range []string{"127.0.0.1", "127.0.0.1:9500", "localhost:1", "LocalHost", "[::1]:9500", "[::1]", "127.8.8.8:1"} {
		if w := call(s, "GET", "/2015-03-31/functions", "", "Host: "+host, "Sec-Fetch-Site: none"); w.Code != 200 {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
}

func TestDescriptions(t *testing.T) {
	s := newServer(t, &fake{updating: true})
	var got struct {
		Configuration document
		Concurrency   map[string]int
	}
	decode(t, s, "GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3AApi%3Alive", "", 200, &got)
	want := document{
		FunctionName: "Api", FunctionArn: fakeARN + "Api:live", Runtime: "python3.13", Role: "arn:aws:iam::123456789012:role/thaw-lab",
		Handler: "app.handler", Timeout: 3, MemorySize: 128, LastModified: "2026-11-23T05:00:00.000+0000", Version: "1",
		VpcConfig:   vpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, VpcId: "vpc-thawlab"},
		Environment: &environment{map[string]string{"COLOUR": "red"}}, TracingConfig: map[string]string{"Mode": "PassThrough"},
		RevisionId: "r1", State: "Active", PackageType: "Zip", Architectures: []string{"x86_64"}, EphemeralStorage: map[string]int{"Size": 512},
		SnapStart:        map[string]string{"ApplyOn": "None", "OptimizationStatus": "Off"},
		LoggingConfig:    map[string]string{"LogFormat": "Text", "LogGroup": "/aws/lambda/Api"},
		LastUpdateStatus: "InProgress",
	}
	if diff := cmp.Diff(want, got.Configuration); diff != "" {
		t.Error(diff)
	}
	if got.Concurrency["ReservedConcurrentExecutions"] != 5 {
		t.Errorf("concurrency %v", got.Concurrency)
	}

	// What the function has not is empty, so that a client can ask for it.
	w := call(s, "GET", "/2015-03-31/functions/Worker/configuration", "")
	for _, part := range []string{`"VpcConfig":{"SubnetIds":[],"SecurityGroupIds":[]`, `"Version":"$LATEST"`, `"FunctionArn":"` + fakeARN + `Worker"`} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("no %s in %s", part, w.Body)
		}
	}
}

func TestPages(t *testing.T) {
	s := newServer(t, &fake{})
	var first, second, all struct {
		Functions  []document
		NextMarker string
	}
	decode(t, s, "GET", "/2015-03-31/functions/?MaxItems=1", "", 200, &first)
	decode(t, s, "GET", "/2015-03-31/functions/?MaxItems=1&Marker="+first.NextMarker, "", 200, &second)
	decode(t, s, "GET", "/2015-03-31/functions", "", 200, &all)
	if len(first.Functions) != 1 || len(second.Functions) != 1 || second.NextMarker != "" || second.Functions[0].FunctionName != "Worker" || len(all.Functions) != 2 {
		t.Errorf("%+v\n%+v\n%+v", first, second, all)
	}
}

func TestUpdate(t *testing.T) {
	f := &fake{}
	s := newServer(t, f)
	var got document
	body := `{"MemorySize":256,"Timeout":9,"Handler":"b.c","RevisionId":"r1","Description":"ignored","Runtime":"python3.13","Layers":[],
		"Environment":{"Variables":{"COLOUR":"blue"}},"VpcConfig":{"SubnetIds":[],"SecurityGroupIds":[]}}`
	decode(t, s, "PUT", "/2015-03-31/functions/Api:$LATEST/configuration", body, 200, &got)
	memory, timeout, handler := 256, 9, "b.c"
	want := Update{
		MemoryMB: &memory, TimeoutS: &timeout, Handler: &handler, Revision: "r1",
		Environment: map[string]string{"COLOUR": "blue"}, SubnetIDs: []string{}, SecurityGroupIDs: []string{},
	}
	if diff := cmp.Diff(want, f.update); diff != "" {
		t.Error(diff)
	}
	if got.LastUpdateStatus != "InProgress" {
		t.Errorf("%+v", got)
	}
	wantError(t, call(s, "PUT", "/2015-03-31/functions/Api/configuration", `{"Timeout":10}`), 409, "ResourceConflictException",
		"An update is in progress for resource: "+fakeARN+"Api")

	f.updating = false
	decode(t, s, "PUT", "/2015-03-31/functions/Api/configuration", `{"Environment":{}}`, 200, &got)
	if f.update.Environment == nil || f.update.SubnetIDs != nil || f.update.MemoryMB != nil {
		t.Errorf("%+v, want only the variables cleared", f.update)
	}
}

func TestConcurrency(t *testing.T) {
	f := &fake{}
	s := newServer(t, f)
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/2017-10-31/functions/Api/concurrency", `{"ReservedConcurrentExecutions":0}`, 200, `{"ReservedConcurrentExecutions":0}`},
		{"GET", "/2019-09-30/functions/Api/concurrency", "", 200, `{"ReservedConcurrentExecutions":5}`},
		{"GET", "/2019-09-30/functions/Worker/concurrency", "", 200, `{}`},
		{"DELETE", "/2017-10-31/functions/Api/concurrency", "", 204, ""},
		{"PUT", "/2019-09-30/functions/Api/provisioned-concurrency?Qualifier=live", `{"ProvisionedConcurrentExecutions":2}`, 202, `{"AllocatedProvisionedConcurrentExecutions":1,"AvailableProvisionedConcurrentExecutions":1,"LastModified":"1970-01-01T00:00:00+0000","RequestedProvisionedConcurrentExecutions":2,"Status":"IN_PROGRESS"}`},
		{"GET", "/2019-09-30/functions/Api/provisioned-concurrency?List=ALL", "", 200, `{"ProvisionedConcurrencyConfigs":[{"AllocatedProvisionedConcurrentExecutions":1,"AvailableProvisionedConcurrentExecutions":1,"FunctionArn":"` + fakeARN + `Api:live","LastModified":"1970-01-01T00:00:00+0000","RequestedProvisionedConcurrentExecutions":2,"Status":"IN_PROGRESS"}]}`},
		{"GET", "/2019-09-30/functions/Api/provisioned-concurrency?Qualifier=1", "", 404, `{"Message":"No Provisioned Concurrency Config found for this function","Type":"User"}`},
		{"DELETE", "/2019-09-30/functions/Api:live/provisioned-concurrency", "", 204, ""},
		{"GET", "/2019-09-30/functions/Api/provisioned-concurrency?List=ALL", "", 200, `{"ProvisionedConcurrencyConfigs":[]}`},
		{"GET", "/2016-08-19/account-settings/", "", 200, `{"AccountLimit":{"CodeSizeUnzipped":262144000,"CodeSizeZipped":52428800,"ConcurrentExecutions":1000,"TotalCodeSize":80530636800,"UnreservedConcurrentExecutions":995},"AccountUsage":{"FunctionCount":2,"TotalCodeSize":0}}`},
	} {
		w := call(s, test.method, test.path, test.body)
		if diff := cmp.Diff(test.want, w.Body.String()); w.Code != test.status || diff != "" {
			t.Errorf("%s %s: %d %s", test.method, test.path, w.Code, diff)
		}
	}
	if f.reserved != nil {
		t.Error("the reservation was not removed")
	}
	if d := provisionedDocument(Provisioned{Requested: 1, Failed: "init failed"}); d["Status"] != "FAILED" || d["StatusReason"] != "init failed" {
		t.Errorf("%v", d)
	}
	if d := provisionedDocument(Provisioned{Requested: 1, Ready: 1}); d["Status"] != "READY" {
		t.Errorf("%v", d)
	}
}

func TestMountedPage(t *testing.T) {
	s := newServer(t, &fake{})
	s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("page " + r.URL.Path)) }))
	if w := call(s, "GET", "/_thaw/events", "", "Sec-Fetch-Site: same-origin"); w.Body.String() != "page /_thaw/events" {
		t.Error(w.Body)
	}
	if w := call(s, "GET", "/", "", "Sec-Fetch-Site: none"); w.Header().Get("Location") != PagePath {
		t.Error(w.Header())
	}
	if w := call(s, "GET", "/_thaw/", "", "Host: rebind.example"); w.Code != http.StatusForbidden {
		t.Error(w.Code)
	}
}

// decode expects a document.
func decode(t *testing.T, s *Server, method, path, body string, status int, into any) {
	t.Helper()
	w := call(s, method, path, body)
	if w.Code != status {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatal(err)
	}
}
