package origin

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"
)

// maxKey bounds a key, in bytes. It is ElastiCache serverless's limit on the
// length of keys, which is the largest that a key of a cache will have. Source:
// ElastiCache User Guide, "Quotas", 2026.
const maxKey = 4 << 10

// serve answers GET /<key>: 200 with the first column, 404 without a row, 400
// for a bad request, 503 at the limit of connections, 500 if the query failed.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	// Path is unescaped already, so that a key may hold a slash.
	key := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		s.refuse(w, http.StatusBadRequest, "the origin answers GET only")
		return
	case key == "" || len(key) > maxKey:
		s.refuse(w, http.StatusBadRequest, "the origin wants GET /<key> with a key of 1 to 4096 bytes")
		return
	case !s.enter():
		s.refuse(w, http.StatusServiceUnavailable, "the origin has no connection left")
		return
	}
	defer s.leave()

	// The latency is counted from the arrival, so that the query's own time is
	// part of it as long as it is the shorter.
	ready := time.Now().Add(s.delay.next())
	answer, err := s.answer(r.Context(), key)
	wait(r.Context(), ready)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		s.count(func(st *Stats) { st.NotFound++ })
		http.Error(w, "no such key", http.StatusNotFound)
	case err != nil:
		s.refuse(w, http.StatusInternalServerError, "the query failed: "+err.Error())
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	}
}

// answer returns the first column of the first row, or sql.ErrNoRows. NULL is an
// empty answer.
func (s *Server) answer(ctx context.Context, key string) ([]byte, error) {
	rows, err := s.query.QueryContext(ctx, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, cmp.Or(rows.Err(), sql.ErrNoRows)
	}
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var first []byte
	into := []any{&first}
	for range columns[1:] {
		into = append(into, new(sql.RawBytes))
	}
	err = rows.Scan(into...)
	return first, err
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.stats)
}

// enter takes a connection to the database, or reports that none is left.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit > 0 && s.stats.InFlight >= s.limit {
		return false
	}
	s.stats.Queries++
	s.stats.InFlight++
	s.stats.PeakInFlight = max(s.stats.PeakInFlight, s.stats.InFlight)
	return true
}

func (s *Server) leave() {
	s.count(func(st *Stats) { st.InFlight-- })
}

func (s *Server) refuse(w http.ResponseWriter, status int, text string) {
	s.count(func(st *Stats) { st.Errors++ })
	http.Error(w, text, status)
}
