package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/thawdev/thaw/lab"
)

// progress is the one line that a terminal shows while the lab works. It is
// silent when stderr is not a terminal.
type progress struct {
	mu  sync.Mutex
	out io.Writer // nil: not a terminal
}

func newProgress(stderr io.Writer) *progress {
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{out: f}
	}
	return &progress{}
}

const eraseLine = "\r\x1b[K"

func (p *progress) show(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		fmt.Fprintf(p.out, eraseLine+format, args...)
	}
}

// status shows what the lab prepares.
func (p *progress) status(format string, args ...any) { p.show(format+" …", args...) }

func (p *progress) clear() { p.show("") }

// follow shows the run four times a second until the returned function is
// called.
func (p *progress) follow(l *lab.Lab) (stop func()) {
	if p.out == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	began := time.Now()
	wg.Go(func() {
		ticker := time.NewTicker(time.Second / 4)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				p.clear()
				return
			case <-ticker.C:
				s, c := l.Progress(), l.Counts()
				p.show("%5.1f s  %4.0f/s  environments %d (busy %d, starting %d)  in flight %d  cold %d  connections %d  p99 %.1f ms",
					time.Since(began).Seconds(), s.Rate, c.Idle+c.Busy+c.Starting, c.Busy, c.Starting, c.InFlight,
					s.Invocations.Cold, s.Last.Connections, float64(s.P99.Microseconds())/1000)
			}
		}
	})
	return func() { close(done); wg.Wait() }
}
