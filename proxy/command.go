package proxy

import (
	"strings"

	"github.com/thawdev/thaw/proxy/wire"
)

// Clients believe what COMMAND says: one that learns from it that a command
// exists will use it. So what the proxy refuses is taken out of the answers,
// unless the operator has allowed administration and the server's own pass.

// commands handles COMMAND and those of its subcommands that list commands.
func (s *session) commands(cmd *wire.Command, pl *plan) bool {
	tag := uint32(tagCommands)
	if len(cmd.Args) > 1 {
		sub := pl.spec.Sub(cmd.Args[1])
		if sub == nil || !sub.ArityOK(len(cmd.Args)) {
			return s.forwardMuted(cmd, pl)
		}
		switch sub.Name {
		case "command|list":
			tag = tagCommandList
		case "command|info":
			tag = tagCommandInfo
		case "command|docs":
			tag = tagCommandDocs
		case "command|count":
			tag = tagCommandCount
		default:
			return s.forwardMuted(cmd, pl)
		}
	}
	if s.w.proxy.opts.AllowAdmin {
		return s.forwardMuted(cmd, pl)
	}
	if tag == tagCommandCount {
		cmd = &wire.Command{Args: cmd.Args[:1]} // it takes the list to count what is left
	}
	return s.forwardCaptured(cmd, pl, tag)
}

// forwardCaptured sends a command whose reply is changed before it goes on.
func (s *session) forwardCaptured(cmd *wire.Command, pl *plan, tag uint32) bool {
	s.extra()
	if s.flags&(muted|skipping) != 0 {
		tag |= tagMute
	}
	if !s.settle() || !s.forward(cmd, pl, tag) {
		return false
	}
	s.clear(skipping)
	return true
}

// withoutRefused takes what the proxy refuses out of an answer to COMMAND.
func withoutRefused(kind uint32, reply []byte) []byte {
	v, n, err := wire.ParseValue(reply, wire.ReplyLimits{})
	if err != nil || n != len(reply) || v.IsError() {
		return reply
	}
	switch kind {
	case tagCommandCount:
		return wire.AppendInt(nil, int64(len(keepElems(v.Elems, entryName))))
	case tagCommandList:
		v.Elems = keepElems(v.Elems, func(e wire.Value) string { return string(e.Str) })
	case tagCommandDocs:
		v.Elems = keepPairs(v.Elems)
	case tagCommandInfo:
		for i, e := range v.Elems {
			if refusedName(entryName(e)) {
				v.Elems[i] = wire.Value{Kind: wire.KindArray, Null: true}
			}
		}
		keepSubs(v.Elems)
	default:
		v.Elems = keepElems(v.Elems, entryName)
		keepSubs(v.Elems)
	}
	return wire.AppendValue(nil, v)
}

// entryName is the name in an entry of COMMAND INFO; "" for a null.
func entryName(e wire.Value) string {
	if len(e.Elems) == 0 {
		return ""
	}
	return string(e.Elems[0].Str)
}

// keepElems returns the elements whose names are not refused.
func keepElems(elems []wire.Value, name func(wire.Value) string) []wire.Value {
	kept := elems[:0:0]
	for _, e := range elems {
		if !refusedName(name(e)) {
			kept = append(kept, e)
		}
	}
	return kept
}

// subsAt is where an entry of COMMAND INFO has its subcommands, since Redis 7.
const subsAt = 9

// keepSubs takes refused subcommands out of entries of COMMAND INFO.
func keepSubs(entries []wire.Value) {
	for _, e := range entries {
		if len(e.Elems) > subsAt {
			e.Elems[subsAt].Elems = keepElems(e.Elems[subsAt].Elems, entryName)
		}
	}
}

// keepPairs takes refused commands, and subcommands, out of COMMAND DOCS: names
// and descriptions in turn, and a description is the same again.
func keepPairs(pairs []wire.Value) []wire.Value {
	kept := pairs[:0:0]
	for i := 0; i+1 < len(pairs); i += 2 {
		if refusedName(string(pairs[i].Str)) {
			continue
		}
		about := pairs[i+1]
		for k := 0; k+1 < len(about.Elems); k += 2 {
			if string(about.Elems[k].Str) == "subcommands" {
				about.Elems[k+1].Elems = keepPairs(about.Elems[k+1].Elems)
			}
		}
		kept = append(kept, pairs[i], about)
	}
	return kept
}

// refusedName reports whether a command, or a subcommand with a bar, is refused
// where administration is not allowed.
func refusedName(name string) bool {
	name = strings.ToLower(name)
	return adminCommands[name] || hiddenCommands[name]
}
