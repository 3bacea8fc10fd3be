package thaw

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lines collects the messages of a log.
type lines struct {
	slog.Handler
	mu  sync.Mutex
	all []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	l.all = append(l.all, text)
	return nil
}

func (l *lines) with(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.all {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

// An outage is two lines, however many calls it meets: when it begins, with the
// cause, and when it is over.
func TestOutageInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNode()
		log := &lines{}
		c := faked(t, n, Options{Logger: slog.New(log), URL: "redis://user:hunter2@fake:6379?name=outage"})
		fetchText(t, c, "v", FromDatabase)
		for outage := 1; outage <= 2; outage++ {
			n.set(func(n *fakeNode) { n.silent = true })
			for range 100 {
				if _, _, err := Fetch(t.Context(), c, "k", time.Hour, text("v")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			if got := log.with("does not answer"); got != outage {
				t.Fatalf("outage %d: %d lines: %q", outage, got, log.all)
			}
			n.set(func(n *fakeNode) { n.silent = false })
			time.Sleep(time.Minute)
			for range 3 {
				Fetch(t.Context(), c, "k", time.Hour, text("v"))
				synctest.Wait()
			}
			if got := log.with("answers again"); got != outage {
				t.Fatalf("outage %d: %d lines that it is over: %q", outage, got, log.all)
			}
		}
		if log.with("hunter2") > 0 {
			t.Error("the log holds the password")
		}
		c.Close()
	})
}
