package origin

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const products = `-- products of a shop; with a semicolon
CREATE TABLE products (id TEXT PRIMARY KEY, body TEXT, n INTEGER);
/* two rows; */
INSERT INTO products VALUES ('p;1', '{"name":"it''s; one"}', 1), ('a/b c', '{}', 2), ('null', NULL, 3);
CREATE TRIGGER t AFTER INSERT ON products BEGIN SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END; END;
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100)
INSERT INTO products SELECT 'bulk' || i, '{}', i FROM c`

const query = "SELECT body, n FROM products WHERE id = ?"

func seedFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seed.sql")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func begin(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Seed == "" {
		o.Seed = seedFile(t, products)
	}
	if o.Query == "" {
		o.Query = query
	}
	o.TempDir = t.TempDir()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if left, _ := os.ReadDir(o.TempDir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return s
}

func get(t testing.TB, s *Server, key string) (status int, body, kind string) {
	t.Helper()
	r, err := http.Get(s.URL() + "/" + url.PathEscape(key))
	if err != nil {
		t.Errorf("GET %q: %v", key, err)
		return
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b), r.Header.Get("Content-Type")
}

func TestAnswers(t *testing.T) {
	s := begin(t, Options{})
	for _, c := range []struct {
		key    string
		status int
		body   string
	}{
		{"p;1", 200, `{"name":"it's; one"}`},
		{"a/b c", 200, "{}"},
		{"bulk100", 200, "{}"},
		{"null", 200, ""},
		{"' OR 1=1 --", 404, "no such key\n"},
		{"", 400, "the origin wants GET /<key> with a key of 1 to 4096 bytes\n"},
		{strings.Repeat("k", 4096), 404, "no such key\n"},
		{strings.Repeat("k", 4097), 400, "the origin wants GET /<key> with a key of 1 to 4096 bytes\n"},
	} {
		status, body, kind := get(t, s, c.key)
		if status != c.status || body != c.body {
			t.Errorf("%.20q: %d %q, want %d %q", c.key, status, body, c.status, c.body)
		}
		if status == 200 && kind != "application/json" {
			t.Errorf("%q: Content-Type %s", c.key, kind)
		}
	}
	if r, err := http.Post(s.URL()+"/a", "text/plain", nil); err != nil || r.StatusCode != 400 {
		t.Errorf("POST: %v, %v", r, err)
	}
	want := Stats{Queries: 6, NotFound: 2, Errors: 3, PeakInFlight: 1}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Error(diff)
	}
}

// TestLatency: many queries wait at the same time, without a queue for the
// database's pool.
func TestLatency(t *testing.T) {
	const latency, clients = 150 * time.Millisecond, 50
	s := begin(t, Options{Latency: latency})
	start := time.Now()
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			if status, _, _ := get(t, s, fmt.Sprint("bulk", i+1)); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
	all.Wait()
	if took := time.Since(start); took < latency || took > 6*latency {
		t.Errorf("%d queries of %v took %v together", clients, latency, took)
	}
	if st := s.Stats(); st.PeakInFlight < clients/2 || st.InFlight != 0 || st.Queries != clients {
		t.Errorf("%+v", st)
	}
	s.SetLatency(0)
	start = time.Now()
	get(t, s, "bulk1")
	if took := time.Since(start); took > latency {
		t.Errorf("without latency: %v", took)
	}
}

// TestLimit: the query over the limit is refused at once.
func TestLimit(t *testing.T) {
	s := begin(t, Options{MaxConnections: 1, Latency: time.Minute})
	go http.Get(s.URL() + "/bulk1") // ends when the server closes
	for s.Stats().InFlight == 0 {
		time.Sleep(time.Millisecond)
	}
	if status, _, _ := get(t, s, "bulk2"); status != 503 {
		t.Errorf("status %d", status)
	}
	if st := s.Stats(); st.Errors != 1 || st.PeakInFlight != 1 {
		t.Errorf("%+v", st)
	}
}

func TestStartErrors(t *testing.T) {
	good := seedFile(t, products)
	for _, c := range []struct {
		name  string
		o     Options
		wants []string
	}{
		{"no seed", Options{Query: query}, []string{"seed"}},
		{"no query", Options{Seed: good}, []string{"query"}},
		{"jitter", Options{Seed: good, Query: query, Jitter: 2}, []string{"jitter 2"}},
		{"missing file", Options{Seed: "nowhere.sql", Query: query}, []string{"nowhere.sql"}},
		{"bad SQL", Options{Seed: seedFile(t, "\n-- fine\nCREATE TABLE a (b);\n\nINSERT INTO a VALUSE (1);"), Query: query}, []string{"seed.sql:5: ", "VALUSE"}},
		{"bad query", Options{Seed: good, Query: "SELECT nothing FROM products WHERE id = ?"}, []string{"query", "nothing"}},
		{"no parameter", Options{Seed: good, Query: "SELECT body FROM products"}, []string{"query", "?"}},
		{"two parameters", Options{Seed: good, Query: "SELECT body FROM products WHERE id = ? AND n = ?"}, []string{"query"}},
		{"a write", Options{Seed: good, Query: "DELETE FROM products WHERE id = ?"}, []string{"query"}},
		{"two statements", Options{Seed: good, Query: query + "; DROP TABLE products"}, []string{"2 statements"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.TempDir = t.TempDir()
			s, err := Start(t.Context(), c.o)
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			for _, want := range append(c.wants, "origin: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if left, _ := os.ReadDir(c.o.TempDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestJitter(t *testing.T) {
	sequence := func(seed int64) []time.Duration {
		d := delay{latency: 100, jitter: 0.5, random: newRandom(seed)}
		var all []time.Duration
		for range 1000 {
			all = append(all, d.next())
		}
		return all
	}
	a := sequence(1)
	if !slices.Equal(a, sequence(1)) || slices.Equal(a, sequence(2)) {
		t.Error("the seed does not decide the sequence")
	}
	if low, high := slices.Min(a), slices.Max(a); low < 50 || low > 55 || high > 150 || high < 145 {
		t.Errorf("from %d to %d, want 50 to 150", low, high)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		wait(t.Context(), start.Add(time.Hour))
		wait(t.Context(), start)
		if took := time.Since(start); took != time.Hour {
			t.Errorf("waited %v", took)
		}
	})
}

func TestStatements(t *testing.T) {
	var lines []int
	for _, s := range statements(products) {
		lines = append(lines, s.line)
	}
	if diff := cmp.Diff([]int{2, 4, 5, 6}, lines); diff != "" {
		t.Error(diff)
	}
}

// FuzzStatements: nothing is lost or invented, and lines are counted.
func FuzzStatements(f *testing.F) {
	f.Add(products)
	f.Add("CREATE TRIGGER x BEGIN;;END;'")
	f.Fuzz(func(t *testing.T, text string) {
		rest := text
		for _, s := range statements(text) {
			i := strings.Index(rest, s.text)
			if i < 0 || s.line < 1 || s.line > 1+strings.Count(text, "\n") {
				t.Fatalf("%q: statement %q on line %d", text, s.text, s.line)
			}
			rest = rest[i+len(s.text):]
		}
	})
}
