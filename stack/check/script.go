package check

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// script is a list of AWS CLI commands in the making. Nothing of the input
// reaches the shell without quotes.
type script struct {
	stack *stack.Stack
	lines []string
	made  map[string]string // new security groups: the shell variable that holds the id
}

// writeCommands renders edits as commands of the AWS CLI. Rules are deleted
// last: each command takes effect at once, and what replaces a rule must be there
// before it goes.
func writeCommands(s *stack.Stack, edits []edit) Patch {
	w := &script{stack: s, made: map[string]string{}}
	var p Patch
	last := func(e edit) int {
		if _, drops := e.(dropRule); drops {
			return 1
		}
		return 0
	}
	edits = slices.SortedStableFunc(slices.Values(edits), func(a, b edit) int { return last(a) - last(b) })
	for _, e := range edits {
		before := len(w.lines)
		if err := e.commands(w); err != nil {
			w.lines = w.lines[:before]
			p.Words = append(p.Words, e.sentence()+" "+err.Error())
		}
	}
	if len(w.lines) > 0 {
		p.Main = []byte(strings.Join(w.lines, "\n") + "\n")
	}
	return p
}

// A word is one argument, ready for the shell.
type word string

// literal returns a word that this program wrote itself.
func literal(s string) word { return word(s) }

// safe matches what a shell takes as it is.
var safe = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+-]+$`)

// shell quotes an argument.
func shell(s string) word {
	if safe.MatchString(s) {
		return word(s)
	}
	return word("'" + strings.ReplaceAll(s, "'", `'\''`) + "'")
}

// id is the id of a resource, or the variable that holds that of a new one.
func (w *script) id(id string) word {
	if name, ok := w.made[id]; ok {
		return word(`"$` + name + `"`)
	}
	return shell(id)
}

// flag is a flag with an id.
func (w *script) flag(name, id string) word { return literal(name+" ") + w.id(id) }

// ids joins ids for a list of arguments.
func (w *script) ids(ids []string) word {
	var out []string
	for _, id := range ids {
		out = append(out, string(w.id(id)))
	}
	return word(strings.Join(out, " "))
}

// comma joins ids for the shorthand of one argument.
func (w *script) comma(ids []string) word {
	var out []string
	for _, id := range ids {
		out = append(out, string(w.id(id)))
	}
	return word(strings.Join(out, ","))
}

// run adds a command. The region of the snapshot is named, so that the command
// does not depend on the profile of whoever runs it.
func (w *script) run(program, service, verb string, args ...word) {
	words := []string{program, service, verb}
	if w.stack.Region != "" && service != "iam" {
		words = append(words, "--region", string(shell(w.stack.Region)))
	}
	for _, a := range args {
		words = append(words, string(a))
	}
	w.lines = append(w.lines, strings.Join(words, " "))
}

// permission writes a rule as the argument of --ip-permissions.
func (w *script) permission(r stack.Rule) (word, error) {
	if err := unknownIn(r); err != nil {
		return "", err
	}
	type entry map[string]any
	p := entry{"IpProtocol": r.Protocol.Or("")}
	if from := r.FromPort.Or(-1); r.Protocol.Or("") != "-1" && from >= 0 {
		p["FromPort"], p["ToPort"] = from, r.ToPort.Or(from)
	}
	variable := ""
	switch cidr, peer, list := r.CIDR.Or(""), r.SecurityGroup.Or(""), r.PrefixList.Or(""); {
	case peer != "":
		p["UserIdGroupPairs"] = []entry{{"GroupId": peer}}
		variable = w.made[peer]
	case list != "":
		p["PrefixListIds"] = []entry{{"PrefixListId": list}}
	case strings.Contains(cidr, ":"):
		p["Ipv6Ranges"] = []entry{{"CidrIpv6": cidr}}
	default:
		p["IpRanges"] = []entry{{"CidrIp": cidr}}
	}
	text, err := json.Marshal([]entry{p})
	if err != nil {
		return "", fmt.Errorf("the rule cannot be written: %w", err)
	}
	quoted := string(shell(string(text)))
	if variable != "" {
		// The variable stands outside of the single quotes.
		quoted = strings.Replace(quoted, `"`+r.SecurityGroup.Or("")+`"`, `"'"$`+variable+`"'"`, 1)
	}
	return word(quoted), nil
}

var notInVariable = regexp.MustCompile(`[^A-Z0-9]+`)

// shellVariable makes the name of a shell variable.
func shellVariable(name string) string {
	return "GROUP_" + strings.Trim(notInVariable.ReplaceAllString(strings.ToUpper(name), "_"), "_")
}
