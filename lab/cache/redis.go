package cache

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// redisConf writes the configuration of valkey-server or redis-server. It goes
// into a file and not on the command line, where every user of the machine
// could read the password.
//
// timeout, tcp-keepalive, maxmemory-policy and databases are ElastiCache's
// defaults. Source: ElastiCache User Guide, "Redis parameters", 2026.
func redisConf(s *spec, at location, dir string, id *identity) []byte {
	var b bytes.Buffer
	set := func(name string, values ...string) {
		b.WriteString(name)
		for _, v := range values {
			b.WriteString(" " + confQuote(v))
		}
		b.WriteByte('\n')
	}
	port := strconv.Itoa(at.port)
	set("bind", at.host)
	set("protected-mode", "yes")
	set("daemonize", "no")
	set("dir", dir)
	set("logfile", "") // standard output, which goes to the same file as its errors
	set("save", "")
	set("appendonly", "no")
	// One more for the lab's own connection.
	set("maxclients", strconv.Itoa(s.connections+1))
	set("maxmemory", strconv.FormatInt(s.memory, 10))
	set("maxmemory-policy", "volatile-lru")
	set("timeout", "0")
	set("tcp-keepalive", "300")
	set("databases", "16")
	if s.password != "" {
		set("requirepass", s.password)
	}
	if s.tls {
		set("port", "0")
		set("tls-port", port)
		set("tls-cert-file", id.certFile)
		set("tls-key-file", id.keyFile)
		set("tls-ca-cert-file", id.caFile)
		set("tls-auth-clients", "no")
		if s.plain {
			s.noteOnce("transit mode preferred: at AWS one port takes plain and TLS clients, here TLS only; --cache embedded takes both")
		}
	} else {
		set("port", port)
	}
	if s.cluster {
		set("cluster-enabled", "yes")
		set("cluster-config-file", "nodes.conf")
		set("cluster-announce-ip", at.host)
		if s.tls {
			// Without it the server announces its plain port, which is 0.
			set("tls-cluster", "yes")
		}
		if bus := busPort(at.port); bus != at.port+busOffset {
			set("cluster-port", strconv.Itoa(bus))
		}
	}
	return b.Bytes()
}

// noteOnce is note for what may be found again when another address is tried.
func (s *spec) noteOnce(text string) {
	for _, n := range s.notes {
		if n == text {
			return
		}
	}
	s.note("%s", text)
}

// confQuote quotes a value of the configuration file. Everything that is not
// plain becomes \xHH, which the server's parser takes inside double quotes.
func confQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_./:", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
