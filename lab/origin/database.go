package origin

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// maxSeed bounds the seed file. Rows in bulk come from a recursive query, not
// from a long file.
const maxSeed = 64 << 20

// open opens a database file with settings of the driver.
func open(file, settings string) (*sql.DB, error) {
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: settings}).String())
}

// seed makes a database file from an SQL file.
func seed(ctx context.Context, file, path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if st.Size() > maxSeed {
		return fmt.Errorf("seed: %s has %d bytes, more than %d: make rows in bulk with a recursive query", path, st.Size(), maxSeed)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	// A database that is lost with this process needs no journal and no sync.
	db, err := open(file, "_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	defer db.Close()
	// One connection, so that a transaction of the seed holds together.
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	defer conn.Close()
	for _, s := range statements(string(text)) {
		if _, err := conn.ExecContext(ctx, s.text); err != nil {
			return fmt.Errorf("seed: %s:%d: %w", path, s.line, err)
		}
	}
	return nil
}

// prepare opens the database for reading and tries the query once.
func prepare(ctx context.Context, file, query string) (*sql.DB, *sql.Stmt, error) {
	// Nobody writes any more, so no query has to look for locks.
	db, err := open(file, "mode=ro&immutable=1&_pragma=query_only(1)")
	if err != nil {
		return nil, nil, err
	}
	// The latency is waited for outside of the pool, so it needs no more
	// connections than there are processors.
	size := max(4, runtime.NumCPU())
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	stmt, err := tried(ctx, db, query)
	if err != nil {
		db.Close()
		return nil, nil, fmt.Errorf("query %q: %w", query, err)
	}
	return db, stmt, nil
}

func tried(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	if all := statements(query); len(all) != 1 {
		return nil, fmt.Errorf("want one SELECT, not %d statements", len(all))
	}
	stmt, err := db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	// A parameter that is missing or left over shows only when the query runs.
	if err = try(ctx, stmt, ""); err == nil {
		if without := try(ctx, stmt); without == nil {
			err = fmt.Errorf("no ? for the key")
		}
	}
	if err != nil {
		stmt.Close()
		return nil, err
	}
	return stmt, nil
}

func try(ctx context.Context, stmt *sql.Stmt, args ...any) error {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if len(columns) == 0 {
		return fmt.Errorf("it returns no column: want a SELECT")
	}
	rows.Next()
	return rows.Err()
}

// statement is one statement of an SQL file and the line on which it begins.
type statement struct {
	text string
	line int // 1 is the first
}

// statements splits SQL at the semicolons that end statements: not those in
// quotes, comments or the body of a trigger. Pieces without anything but
// comments are left out. It takes everything; wrong SQL is left to the
// database. Source: SQLite's documentation, "SQL Comment Syntax" and "CREATE
// TRIGGER".
func statements(text string) []statement {
	var all []statement
	line, from, first := 1, 0, 0 // first: line of the statement's first word, 0 before it
	var head []string            // the statement's first three tokens
	var last [2]string           // and its last two
	end := func(to int) {
		if first > 0 {
			all = append(all, statement{text: text[from:to], line: first})
		}
		from, first, head, last = to, 0, head[:0], [2]string{}
	}
	for i := 0; i < len(text); {
		n := token(text[i:])
		piece := text[i : i+n]
		switch c := piece[0]; {
		case c == ';' && (!isTrigger(head) || last[0] == ";" && strings.EqualFold(last[1], "END")):
			end(i + n)
		case c <= ' ', strings.HasPrefix(piece, "--"), strings.HasPrefix(piece, "/*"):
		default:
			if first == 0 {
				first = line
			}
			if len(head) < 3 {
				head = append(head, piece)
			}
			last = [2]string{last[1], piece}
		}
		line += strings.Count(piece, "\n")
		i += n
	}
	end(len(text))
	return all
}

// isTrigger tells by the first words whether a statement has a body: CREATE
// TRIGGER, or CREATE TEMP TRIGGER. A body ends with "; END".
func isTrigger(head []string) bool {
	if len(head) < 3 || !strings.EqualFold(head[0], "CREATE") {
		return false
	}
	return strings.EqualFold(head[1], "TRIGGER") || strings.EqualFold(head[2], "TRIGGER")
}

// token is the length of the first token of a text that is not empty: a
// comment, something in quotes, a word, or one byte. What is not closed goes to
// the end.
func token(s string) int {
	closing := ""
	switch c := s[0]; {
	case strings.HasPrefix(s, "--"):
		closing = "\n"
	case strings.HasPrefix(s, "/*"):
		if i := strings.Index(s[2:], "*/"); i >= 0 {
			return i + 4
		}
		return len(s)
	case c == '\'' || c == '"' || c == '`':
		closing = string(c) // a doubled quote is two tokens, which does no harm
	case c == '[':
		closing = "]"
	case isWord(c):
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		return n
	default:
		return 1
	}
	if i := strings.Index(s[1:], closing); i >= 0 {
		return i + 2
	}
	return len(s)
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
