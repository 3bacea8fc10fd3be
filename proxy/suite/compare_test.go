package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const listed = "# SCOPE\tUNIT\tTEST\tREASON\n\n" +
	"redis\tunit/a\tknown\tit counts the connections of the server\n" +
	"redis+tls\tunit/a\tonly with TLS\tcertificates\n" +
	"valkey\tunit/a\tother server\tnot here\n" +
	"redis\tunit/a\tsometimes\tflaky: measures time\n" +
	"redis\tunit/a\tfixed\tused to fail\n" +
	"redis\tunit/a\tgone\tno such test\n"

func expectationsOf(t *testing.T, text string) *expectations {
	t.Helper()
	entries, err := parseExpectations(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &expectations{entries: entries}
}

func outcomeOf(results ...result) outcome {
	return outcome{Unit: "unit/a", Target: "command", Results: results}
}

// The four things that a run can say about a test: passes, fails as listed,
// fails unlisted, passes although listed. What does not pass directly does not
// count, and what the unit did not reach has failed.
func TestCompare(t *testing.T) {
	ok := func(name string) result { return result{Test: name, Status: passed} }
	bad := func(name string) result { return result{Test: name, Status: failed} }
	direct := outcomeOf(ok("plain"), ok("known"), ok("sometimes"), ok("fixed"), ok("new"), ok("cut off"), bad("broken anyway"))
	through := outcomeOf(ok("plain"), bad("known"), ok("sometimes"), ok("fixed"), bad("new"), bad("broken anyway"))
	v := compare("redis", "plain", direct, through, expectationsOf(t, listed))

	if v.direct != 6 || v.good != 3 || v.listed != 1 || v.asListed() {
		t.Errorf("%d of %d pass, %d listed, as listed: %v", v.good, v.direct, v.listed, v.asListed())
	}
	var unlisted []string
	for _, f := range v.unlisted {
		unlisted = append(unlisted, f.test)
	}
	if d := cmp.Diff([]string{"new", "cut off"}, unlisted); d != "" {
		t.Error(d)
	}
	if len(v.surprising) != 1 || v.surprising[0].test != "fixed" {
		t.Errorf("surprising: %v", v.surprising)
	}
	if len(v.stale) != 1 || v.stale[0].test != "gone" {
		t.Errorf("stale: %v", v.stale)
	}
}

// A failure in the setup between tests counts, although no test has its name.
func TestCompareOutsideAnyTest(t *testing.T) {
	direct := outcomeOf(result{Test: "a", Status: passed})
	through := outcomeOf(result{Test: "a", Status: passed}, result{Test: outsideAnyTest, Status: failed})
	v := compare("redis", "plain", direct, through, &expectations{})
	if v.asListed() || v.good != 1 {
		t.Errorf("%+v", v)
	}
}

// An entry for one variant says nothing about the others.
func TestScope(t *testing.T) {
	x := expectationsOf(t, listed)
	for _, c := range []struct {
		server, variant, test string
		want                  bool
	}{
		{"redis", "plain", "known", true}, {"redis", "tls", "known", true},
		{"redis", "tls", "only with TLS", true}, {"redis", "plain", "only with TLS", false},
		{"redis", "plain", "other server", false}, {"valkey", "resp3", "other server", true},
	} {
		if got := x.find(c.server, c.variant, "unit/a", c.test) != nil; got != c.want {
			t.Errorf("%s %s %q: listed %v, wanted %v", c.server, c.variant, c.test, got, c.want)
		}
	}
}

// A second run repairs what failed without being listed, and only that.
func TestImprove(t *testing.T) {
	first := outcomeOf(result{Test: "a", Status: failed}, result{Test: "listed", Status: failed}, result{Test: outsideAnyTest, Status: failed})
	second := outcomeOf(result{Test: "a", Status: passed}, result{Test: "listed", Status: passed}, result{Test: "later", Status: passed})
	got := improve(first, second, func(test string) bool { return test == "listed" })
	want := []result{{Test: "a", Status: passed}, {Test: "listed", Status: failed}, {Test: "later", Status: passed}}
	if d := cmp.Diff(want, got.Results); d != "" {
		t.Error(d)
	}
}

// A list that cannot be read as meant is refused with its line.
func TestBadList(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"redis unit/a test reason", "line 1 has 1 fields"},
		{"\nmemcached\tunit/a\ttest\treason", `line 2: scope "memcached"`},
		{"redis+ipv6\tunit/a\ttest\treason", `scope "redis+ipv6"`},
		{"redis\tunit/a\ttest\t ", "has no reason"},
	} {
		_, err := parseExpectations(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, wanted %q", c.text, err, c.want)
		}
	}
}

// The lists beside this file are readable.
func TestLists(t *testing.T) {
	for _, target := range []string{"pass-through", "session", "transaction", "command"} {
		if _, err := readExpectations(".", target); err != nil {
			t.Error(err)
		}
	}
}

// A table replaces the one that is there and leaves the page around it.
func TestReplaceSection(t *testing.T) {
	r := newReport(&source{name: "redis", label: "Redis 7"}, "plain", []string{"direct", "command"}, nil)
	once := replaceSection("# Page\n", r)
	twice := replaceSection(once+"\nend\n", r)
	if once+"\nend\n" != twice || strings.Count(twice, "| unit |") != 1 {
		t.Errorf("first:\n%s\nthen:\n%s", once, twice)
	}
}
