package cache

import (
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// attachCommand is the command of ours that tells the hook whose connection it
// is. Only the first one of a connection counts, and that one is ours.
const attachCommand = "THAW.ATTACH"

// hook sees each command before miniredis does. It counts, and answers the few
// that miniredis lacks; true means that it answered.
func (e *embedded) hook(p *server.Peer, cmd string, args ...string) bool {
	g, isNew := e.guestOf(p, cmd, args)
	if g == nil || isNew {
		return isNew // nil: a command inside a script, which has a peer of its own
	}
	g.last.Store(int64(time.Since(g.since)))
	e.login(g, cmd, args)
	if !g.authed {
		return false // miniredis refuses it
	}
	if e.answer(g, p, cmd, args) {
		e.commands.Add(1)
		return true
	}
	e.mu.Lock()
	redis, serving := e.redis, e.serving
	e.mu.Unlock()
	if redis == nil {
		return false
	}
	if serving.IsRegisteredCommand(cmd) {
		e.commands.Add(1)
	}
	if cmd == "SELECT" && len(args) == 1 {
		if n, err := strconv.Atoi(args[0]); err == nil && n >= 0 {
			g.db = n
		}
	}
	for _, key := range lookups(cmd, args) {
		if redis.DB(g.db).Exists(key) {
			e.hits.Add(1)
		} else {
			e.misses.Add(1)
		}
	}
	return false
}

// guestOf finds the guest of a peer; isNew tells that this command introduced
// it.
func (e *embedded) guestOf(p *server.Peer, cmd string, args []string) (g *guest, isNew bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g := e.peers[p]; g != nil {
		return g, false
	}
	if cmd != attachCommand || len(args) != 1 {
		return nil, false
	}
	id, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return nil, false
	}
	if g = e.guests[id]; g == nil {
		return nil, true // it has left already
	}
	e.peers[p] = g
	p.OnDisconnect(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.peers, p)
	})
	return g, true
}

// login notes whether miniredis will take the password.
func (e *embedded) login(g *guest, cmd string, args []string) {
	if g.authed {
		return
	}
	if cmd == "HELLO" && len(args) >= 4 && strings.EqualFold(args[1], "AUTH") {
		cmd, args = "AUTH", args[2:4]
	}
	if cmd == "AUTH" && (len(args) == 1 || len(args) == 2 && args[0] == "default") {
		g.authed = args[len(args)-1] == e.spec.password
	}
}

func (e *embedded) answer(g *guest, p *server.Peer, cmd string, args []string) bool {
	switch cmd {
	case "CLIENT":
		return g.clientCommand(p, args)
	case "HELLO":
		for i := range len(args) - 1 {
			if strings.EqualFold(args[i], "SETNAME") {
				g.rename(args[i+1])
			}
		}
	case "CLUSTER":
		return e.clusterCommand(p, args)
	case "READONLY", "READWRITE":
		p.WriteOK()
		return true
	}
	return false
}

func (g *guest) clientCommand(p *server.Peer, args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch strings.ToUpper(args[0]) {
	case "SETNAME":
		if len(args) == 2 {
			g.rename(args[1])
		}
		return false // miniredis keeps the name too, for CLIENT GETNAME
	case "SETINFO":
		if len(args) != 3 {
			return false
		}
		if strings.EqualFold(args[1], "LIB-NAME") {
			g.mu.Lock()
			g.lib = args[2]
			g.mu.Unlock()
		}
		p.WriteOK()
		return true
	case "ID":
		p.WriteInt(int(g.id))
		return true
	}
	return false
}

func (g *guest) rename(name string) {
	if strings.ContainsAny(name, " \r\n") {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.name = name
}

// clusterCommand answers for the one node that holds all slots. miniredis would
// give an address that it does not have.
func (e *embedded) clusterCommand(p *server.Peer, args []string) bool {
	if !e.spec.cluster {
		p.WriteError("ERR This instance has cluster support disabled")
		return true
	}
	if len(args) == 0 {
		return false
	}
	const lastSlot = 16383
	switch strings.ToUpper(args[0]) {
	case "INFO":
		p.WriteBulk("cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_known_nodes:1\r\ncluster_size:1\r\n")
	case "MYID":
		p.WriteBulk(e.clusterNode())
	case "NODES":
		bus := strconv.Itoa(busPort(e.where.port))
		p.WriteBulk(e.clusterNode() + " " + e.where.String() + "@" + bus + " myself,master - 0 0 1 connected 0-16383\n")
	case "SLOTS":
		p.Block(func(w *server.Writer) {
			w.WriteLen(1)
			w.WriteLen(3)
			w.WriteInt(0)
			w.WriteInt(lastSlot)
			w.WriteLen(3)
			w.WriteBulk(e.where.host)
			w.WriteInt(e.where.port)
			w.WriteBulk(e.clusterNode())
		})
	case "SHARDS":
		p.Block(e.shards)
	default:
		return false
	}
	return true
}

// shards writes the answer to CLUSTER SHARDS. Source of its form: the command's
// reference, Redis 7.0.
func (e *embedded) shards(w *server.Writer) {
	const lastSlot = 16383
	w.WriteLen(1)
	w.WriteMapLen(2)
	w.WriteBulk("slots")
	w.WriteLen(2)
	w.WriteInt(0)
	w.WriteInt(lastSlot)
	w.WriteBulk("nodes")
	w.WriteLen(1)
	w.WriteMapLen(7)
	port := "port"
	if e.tls != nil && !e.spec.plain {
		port = "tls-port"
	}
	for _, pair := range [][2]string{{"id", e.clusterNode()}, {"ip", e.where.host}, {"endpoint", e.where.host}, {"role", "master"}, {"health", "online"}} {
		w.WriteBulk(pair[0])
		w.WriteBulk(pair[1])
	}
	w.WriteBulk(port)
	w.WriteInt(e.where.port)
	w.WriteBulk("replication-offset")
	w.WriteInt(0)
}
