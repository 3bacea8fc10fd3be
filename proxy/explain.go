package proxy

import (
	"reflect"
	"slices"
	"strings"

	"github.com/thawdev/thaw/proxy/wire"
)

// Treatment is what the proxy does with a command.
type Treatment string

// The treatments.
const (
	Shared   Treatment = "shared"   // goes on a connection that all clients share
	Block    Treatment = "block"    // held until EXEC, then shared as one block
	Pinned   Treatment = "pinned"   // needs a connection for this client alone
	Answered Treatment = "answered" // answered by the proxy
	FanIn    Treatment = "fan-in"   // one subscription at the server serves all clients
	Refused  Treatment = "refused"  // an error, not sent
)

// Verdict says what the proxy does with one command.
type Verdict struct {
	// Command is the name in the command table, with the subcommand after a bar;
	// "unknown" if the table does not have it.
	Command   string    `json:"command"`
	Treatment Treatment `json:"treatment"`
	// Reason is the pin reason, as in Reasons; "" for other treatments.
	Reason string `json:"reason,omitempty"`
	// Note says until when, or why.
	Note string `json:"note,omitempty"`
	// Slow: it goes on a shared connection apart, so that others need not wait
	// behind it.
	Slow bool `json:"slow,omitempty"`
}

// Explain says what a proxy with these options does with a command in a session
// without open MULTI and without a pin. It reads the same table as the proxy.
// args must not be empty.
func Explain(args [][]byte, o Options) Verdict {
	if o.PoolMode == "" {
		o.PoolMode = CommandMode
	}
	spec := wire.Lookup(args[0])
	if spec == nil {
		return explained(args, &plan{name: "unknown", do: (*session).unknown}, o)
	}
	return explained(args, newPlan(spec, 0), o)
}

// ExplainAll is Explain for every command and subcommand of the table, each with
// the arguments that make it do what it is for, in alphabetical order.
func ExplainAll(o Options) []Verdict {
	var all []Verdict
	for _, spec := range wire.Commands() {
		pl := newPlan(spec, 0)
		if len(spec.Subs()) == 0 {
			all = append(all, explained(wordsOf(spec.Name), pl, o))
		}
		for _, sub := range spec.Subs() {
			all = append(all, explained(wordsOf(strings.ReplaceAll(sub.Name, "|", " ")), pl, o))
		}
	}
	slices.SortFunc(all, func(a, b Verdict) int { return strings.Compare(a.Command, b.Command) })
	return all
}

func wordsOf(s string) [][]byte {
	var args [][]byte
	for w := range strings.FieldsSeq(s) {
		args = append(args, []byte(w))
	}
	return args
}

func explained(args [][]byte, pl *plan, o Options) Verdict {
	v := Verdict{Command: pl.name}
	if sub := wire.Resolve(args); sub != nil {
		v.Command = sub.Name
	}
	s := &session{w: &worker{proxy: &Proxy{opts: o}}}
	switch {
	case s.refusesAdmin(&wire.Command{Args: args}, pl):
		v.Treatment, v.Note = Refused, "administrative: NOPERM unless admin is allow"
	case o.PoolMode == SessionMode:
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseSession], "session mode: from the first command to the last"
	case pl.do == nil:
		v.Treatment, v.Slow = Shared, pl.slow
	default:
		byTreatment[pointer(pl.do)](&v, args, pl, o)
	}
	return v
}

// effect fills a verdict for the commands of one treatment.
type effect func(v *Verdict, args [][]byte, pl *plan, o Options)

func always(t Treatment, note string) effect {
	return func(v *Verdict, _ [][]byte, pl *plan, _ Options) { v.Treatment, v.Note, v.Slow = t, note, pl.slow }
}

func pins(why reason, note string) effect {
	return func(v *Verdict, _ [][]byte, _ *plan, _ Options) {
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[why], note
	}
}

func pointer(do func(*session, *wire.Command, *plan) bool) uintptr {
	return reflect.ValueOf(do).Pointer()
}

// byTreatment says of each treatment of plans.go what it comes to.
var byTreatment = map[uintptr]effect{
	pointer((*session).plain):               always(Shared, ""),
	pointer((*session).config):              always(Shared, ""),
	pointer((*session).info):                always(Shared, "the answer gets a section about the proxy"),
	pointer((*session).unknown):             pins(becauseUnknown, "for the call: the command table does not know it, so it may do anything to its connection"),
	pointer((*session).multi):               explainMulti,
	pointer((*session).execWithoutMulti):    always(Block, "sends what was held since MULTI"),
	pointer((*session).discardWithoutMulti): always(Answered, "drops what was held since MULTI"),
	pointer((*session).watch):               pins(becauseWatch, "until EXEC, DISCARD, UNWATCH or timeouts.pin"),
	pointer((*session).unwatch):             always(Answered, "there is nothing to forget; after WATCH it ends the pin"),
	pointer((*session).wait):                pins(becauseWait, "for the call, on the connection of the client's last write"),
	pointer((*session).blocking):            explainBlocking,
	pointer((*session).commands):            explainCommand,
	pointer((*session).publish):             always(Shared, "the answer counts the clients of the proxy, not its connections"),
	pointer((*session).pubSub):              always(Shared, "NUMSUB counts the clients of the proxy, not its connections"),
	pointer((*session).subscribe):           explainSubscribe,
	pointer((*session).unsubscribe):         always(FanIn, ""),
	pointer((*session).hello):               always(Answered, ""),
	pointer((*session).auth):                always(Answered, "by the users of the proxy, or once by the server"),
	pointer((*session).selectDB):            always(Answered, "each database has connections of its own"),
	pointer((*session).ping):                always(Shared, "answered in the subscribed mode of RESP2"),
	pointer((*session).quit):                always(Answered, ""),
	pointer((*session).reset):               always(Answered, ""),
	pointer((*session).client):              explainClient,
	pointer((*session).readOnly):            always(Shared, "answered where the server is a cluster, an error of the server elsewhere"),
	pointer((*session).readWrite):           always(Shared, "answered where the server is a cluster, an error of the server elsewhere"),
	pointer((*session).asking):              always(Shared, "answered where the server is a cluster, an error of the server elsewhere"),
	pointer((*session).acl):                 explainACL,
	pointer((*session).script):              explainScript,
	pointer((*session).monitor):             pins(becauseMonitor, "until the client leaves"),
	pointer((*session).asUnknown):           always(Refused, "as a server that does not know it"),
	pointer((*session).replicate):           explainReplicate,
	pointer((*session).adminOrUnknown):      explainAdminOrUnknown,
}

func explainMulti(v *Verdict, _ [][]byte, _ *plan, o Options) {
	if o.PoolMode == TransactionMode {
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseMulti], "until EXEC or DISCARD, as transaction mode has it"
		return
	}
	v.Treatment, v.Note = Block, "held here until EXEC, needs no connection; commands inside that change their connection pin it"
}

func explainBlocking(v *Verdict, args [][]byte, pl *plan, _ Options) {
	_, blocks := pl.spec.Blocks(args)
	switch reads := pl.name == "xread" || pl.name == "xreadgroup"; {
	case blocks:
		v.Note = "for the call"
	case reads && len(args) == 1:
		v.Note = "for the call, with BLOCK; shared without"
	case reads:
		v.Treatment, v.Note = Shared, "without BLOCK it does not wait"
		return
	case pl.spec.ArityOK(len(args)):
		v.Treatment = Shared
		return
	default:
		v.Note = "for the call"
	}
	v.Treatment, v.Reason = Pinned, reasonNames[becauseBlocking]
}

// explainClient follows (*session).client.
func explainClient(v *Verdict, args [][]byte, _ *plan, o Options) {
	v.Treatment = Answered
	if v.Command == "client" && len(args) > 1 {
		v.Treatment, v.Note = Refused, "CLIENT is answered by the proxy, which does not know this subcommand"
		return
	}
	switch off := len(args) > 2 && fold(args[2], "off"); v.Command {
	case "client|tracking":
		if !off {
			v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseTracking], "until CLIENT TRACKING OFF or the client leaves: invalidations come on the connection that asked for them"
		}
		if redirectAt(args) > 0 {
			v.Note = "until CLIENT TRACKING OFF or the client leaves; the client with this id must have subscribed to " + invalidations + " through the proxy"
		}
	case "client|no-touch":
		if !off {
			v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseNoTouch], "until CLIENT NO-TOUCH OFF"
		}
	case "client|caching":
		v.Note = "with client-side caching on it goes to the client's own connection"
	case "client|import-source":
		if !off {
			v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseImport], "until CLIENT IMPORT-SOURCE OFF or the client leaves"
		}
	case "client|list", "client|kill", "client|unblock":
		v.Note = "about the clients of the proxy"
	case "client|unpause":
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseKill], "for the call: it must not wait behind the commands that are paused"
	case "client|pause", "client|help":
		v.Treatment = Shared
	case "client|reply":
		v.Note = "replies are dropped on this side only"
	}
}

func explainCommand(v *Verdict, _ [][]byte, _ *plan, o Options) {
	v.Treatment = Shared
	if !o.AllowAdmin {
		v.Note = "what the proxy refuses is left out of the answer"
	}
}

func explainSubscribe(v *Verdict, args [][]byte, pl *plan, _ Options) {
	if asksForInvalidations(&wire.Command{Args: args}, pl) {
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseTracking], "until the client leaves: it hears what another connection of the server tracks"
		return
	}
	v.Treatment, v.Note = FanIn, "one subscription at the server for all clients"
}

func explainACL(v *Verdict, _ [][]byte, _ *plan, _ Options) {
	v.Treatment = Shared
	if v.Command == "acl|whoami" {
		v.Treatment, v.Note = Answered, "the user of the client, not of the connection"
	}
}

func explainScript(v *Verdict, _ [][]byte, _ *plan, _ Options) {
	switch v.Command {
	case "script|debug":
		v.Treatment, v.Note = Refused, "it takes the connection over"
	case "script|kill", "function|kill":
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseKill], "for the call: it must not wait behind the script that it is to end"
	default:
		v.Treatment = Shared
	}
}

func explainAdminOrUnknown(v *Verdict, _ [][]byte, _ *plan, o Options) {
	if o.AllowAdmin {
		v.Treatment = Shared
		return
	}
	v.Treatment, v.Note = Refused, "for tests of the server; as a server that does not know it"
}

func explainReplicate(v *Verdict, _ [][]byte, _ *plan, o Options) {
	if o.AllowAdmin {
		v.Treatment, v.Reason, v.Note = Pinned, reasonNames[becauseMonitor], "until the client leaves"
		return
	}
	v.Treatment, v.Note = Refused, "as a server that does not know it"
}
