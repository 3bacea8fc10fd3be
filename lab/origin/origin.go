// Package origin serves the origin database of the examples: a SQLite table
// behind HTTP, with a latency that is stated and can be changed.
//
// It stands for the database that the cache protects. So what matters is not
// its speed but that its latency is known, and that it counts what reaches it.
package origin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options describes the database. Seed and Query are required.
type Options struct {
	Seed    string        // SQL file that creates and fills the tables
	Query   string        // SELECT with one ? that receives the key; the first column is the answer
	Latency time.Duration // added to each query by a timer; 0 adds none
	Jitter  float64       // 0..1: the latency varies evenly by up to this share of it, up and down
	Seed64  int64         // of the jitter: same seed, same sequence
	TempDir string        // where the database's folder is made; "" is os.TempDir()

	// MaxConnections is how many queries the database takes at once; one more
	// gets 503, as from a database whose connections are used up. 0 is no limit.
	MaxConnections int
}

// Stats are totals since Start, and the state now.
type Stats struct {
	Queries  int64 // that reached the database, with their latency
	NotFound int64 // of these, without a row
	Errors   int64 // refused at MaxConnections, bad requests, and failed queries
	InFlight int   // queries at work
	// PeakInFlight is the largest InFlight since Start.
	PeakInFlight int
}

// Server is a running origin. Its methods may be called from many goroutines.
type Server struct {
	db    *sql.DB
	query *sql.Stmt
	dir   string
	http  http.Server
	url   string
	limit int
	delay delay

	mu    sync.Mutex
	stats Stats

	closing sync.Once
	closed  error
}

// Start fills a new database from the seed and serves it on a free port of the
// loopback address. ctx bounds the start only. An error in the SQL names the
// file and the line.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	dir, err := os.MkdirTemp(o.TempDir, "thaw-origin-")
	if err != nil {
		return nil, fmt.Errorf("origin: no folder for the database, choose another temporary folder: %w", err)
	}
	s := &Server{dir: dir, limit: o.MaxConnections}
	s.delay.set(o.Latency)
	s.delay.jitter, s.delay.random = o.Jitter, newRandom(o.Seed64)
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("origin: %w", err), s.Close())
	}
	return s, nil
}

func (o *Options) validate() error {
	switch {
	case o.Seed == "":
		return errors.New("no seed: name an SQL file that creates and fills the tables")
	case o.Query == "":
		return errors.New("no query: give a SELECT with one ? for the key")
	case o.Latency < 0:
		return fmt.Errorf("latency %v is negative", o.Latency)
	case !(o.Jitter >= 0 && o.Jitter <= 1):
		return fmt.Errorf("jitter %v is not between 0 and 1", o.Jitter)
	case o.MaxConnections < 0:
		return fmt.Errorf("max connections %d is negative; 0 is no limit", o.MaxConnections)
	}
	return nil
}

func (s *Server) open(ctx context.Context, o Options) error {
	file := filepath.Join(s.dir, "origin.db")
	if err := seed(ctx, file, o.Seed); err != nil {
		return err
	}
	var err error
	if s.db, s.query, err = prepare(ctx, file, o.Query); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + l.Addr().String()
	s.http.Handler = http.HandlerFunc(s.serve)
	s.http.ReadHeaderTimeout = 10 * time.Second
	s.http.MaxHeaderBytes = 16 << 10
	s.http.ErrorLog = log.New(io.Discard, "", 0) // clients that a fault cuts off are no news
	go s.http.Serve(l)
	return nil
}

// URL is the base of the queries: GET URL/<key>, the key escaped as a path
// segment.
func (s *Server) URL() string { return s.url }

// Stats reads the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// SetLatency changes the latency of later queries. A negative one is 0.
func (s *Server) SetLatency(d time.Duration) { s.delay.set(max(0, d)) }

// Latency is what is added to each query, without the jitter.
func (s *Server) Latency() time.Duration { return s.delay.stated() }

// Close stops the server, cuts queries off, and removes the database. Only the
// first call does something.
func (s *Server) Close() error {
	s.closing.Do(func() {
		errs := []error{s.http.Close()}
		if s.query != nil {
			errs = append(errs, s.query.Close())
		}
		if s.db != nil {
			errs = append(errs, s.db.Close())
		}
		errs = append(errs, os.RemoveAll(s.dir))
		if err := errors.Join(errs...); err != nil {
			s.closed = fmt.Errorf("origin: close: %w", err)
		}
	})
	return s.closed
}
