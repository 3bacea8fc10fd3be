package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// labName is the name of the lab's own connections, which no figure counts.
const labName = "thaw-lab"

// redisObserver reads a Valkey or Redis server over one connection, which it
// opens again after it broke.
type redisObserver struct {
	dial           dialFunc
	user, password string
	cluster        bool // give all slots to the server when it has none
	reserved       int  // clients that maxclients allows for the lab

	mu      sync.Mutex
	conn    *wireConn
	id      int64 // of conn; 0 if the server does not tell
	totals  totals
	names   names
	last    info
	request []byte
}

// connect makes sure that there is a connection. It holds the lock.
func (o *redisObserver) connect(ctx context.Context) error {
	if o.conn != nil {
		return o.conn.until(ctx)
	}
	c, err := o.dial(ctx)
	if err != nil {
		return err
	}
	o.conn = newWireConn(c)
	if err := o.greet(ctx); err != nil {
		o.drop()
		return err
	}
	return nil
}

func (o *redisObserver) greet(ctx context.Context) error {
	if err := o.conn.until(ctx); err != nil {
		return err
	}
	var hello [][]string
	switch {
	case o.password != "" && o.user != "":
		hello = append(hello, []string{"AUTH", o.user, o.password})
	case o.password != "":
		hello = append(hello, []string{"AUTH", o.password})
	}
	if _, err := o.conn.do(hello...); err != nil {
		return err
	}
	var said respError
	if _, err := o.conn.do([]string{"CLIENT", "SETNAME", labName}); err != nil && !errors.As(err, &said) {
		return err
	}
	// Redis 5 and later; without an id the name tells us apart.
	reply, err := o.conn.do([]string{"CLIENT", "ID"})
	if err != nil && !errors.As(err, &said) {
		return err
	}
	o.id = number(reply)
	return nil
}

// drop closes the connection. It holds the lock.
func (o *redisObserver) drop() {
	if o.conn != nil {
		o.conn.Close()
		o.totals.left(o.conn.own)
		o.conn = nil
	}
}

func (o *redisObserver) ready(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	err := o.connect(ctx)
	if err == nil {
		// The connection may be one to the process before a restart.
		_, err = o.conn.do([]string{"PING"})
	}
	if err == nil && o.cluster {
		err = o.form()
	}
	if err != nil {
		o.drop()
	}
	return err
}

// form makes a cluster of one node. A new node takes about two seconds until it
// calls the cluster's state ok.
func (o *redisObserver) form() error {
	state, err := o.conn.do([]string{"CLUSTER", "INFO"})
	if err != nil {
		return err
	}
	text := string(state)
	switch {
	case strings.Contains(text, "cluster_state:ok"):
		return nil
	case strings.Contains(text, "cluster_slots_assigned:0\r"):
		return o.assign()
	}
	return errNotYet
}

var errNotYet = errors.New("the cluster has no state ok yet")

func (o *redisObserver) assign() error {
	const slots = 16384
	_, err := o.conn.do([]string{"CLUSTER", "ADDSLOTSRANGE", "0", strconv.Itoa(slots - 1)})
	var said respError
	if errors.As(err, &said) {
		// Before Redis 7.0 slots are listed one by one.
		args := []string{"CLUSTER", "ADDSLOTS"}
		for slot := range slots {
			args = append(args, strconv.Itoa(slot))
		}
		_, err = o.conn.do(args)
	}
	if err == nil {
		err = errNotYet
	}
	return err
}

func (o *redisObserver) sample(ctx context.Context) (Sample, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.connect(ctx); err != nil {
		return Sample{}, fmt.Errorf("cache: read the server: %w", err)
	}
	s, err := o.read()
	if err != nil {
		// Answers may be left in the connection; the next reading needs a
		// clean one.
		o.drop()
		return Sample{}, fmt.Errorf("cache: read the server: %w", err)
	}
	return s, nil
}

// read sends INFO and CLIENT LIST together: the server answers both before it
// turns to another client, so the two agree.
func (o *redisObserver) read() (Sample, error) {
	if o.request == nil {
		o.request = appendCommand(o.request, "INFO")
		o.request = appendCommand(o.request, "CLIENT", "LIST")
	}
	// The server counts a command and its answer after it took the counters,
	// but the request before.
	mine := o.conn.own
	mine.sent += int64(len(o.request))
	if err := o.conn.send(o.request, 2); err != nil {
		return Sample{}, err
	}
	text, err := o.conn.reply()
	if err != nil {
		return Sample{}, err
	}
	in := parseInfo(text)
	s := Sample{
		At:          time.Now(),
		Connections: int(in.connected) - 1,
		Limit:       max(0, int(in.maxClients)-o.reserved),
		MemoryBytes: in.used, MaxMemoryBytes: in.maximum,
	}
	list, err := o.conn.reply()
	var said respError
	switch {
	case err == nil:
		s.Clients = parseClients(list, &o.names, o.isOurs)
		s.Connections = len(s.Clients)
	case !errors.As(err, &said): // some services refuse CLIENT LIST
		return Sample{}, err
	}
	o.totals.at(in.runID, counters{
		in.accepted, in.rejected, in.in, in.out, in.hits, in.misses, in.evicted, in.commands,
	}, mine).fill(&s)
	o.last = in
	return s, nil
}

func (o *redisObserver) isOurs(id int64, name []byte) bool {
	return id == o.id || string(name) == labName
}

func (o *redisObserver) product() (engine, version string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last.valkey != "" {
		return "valkey", o.last.valkey
	}
	return "redis", o.last.redis
}

func (o *redisObserver) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop()
}
