package service

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/proxy"
)

var update = flag.Bool("update", false, "write the tables of docs/proxy.md anew")

const docFile = "../../docs/proxy.md"

// The tables of docs/proxy.md are those of the code: options, treatments, metrics.
func TestDocumentationIsCurrent(t *testing.T) {
	doc, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{"options": optionTable(), "treatments": treatmentTable(), "metrics": metricTable()} {
		open, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end -->")
		before, rest, ok := bytes.Cut(doc, open)
		had, after, ok2 := bytes.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("docs/proxy.md has no place for the table of %s", name)
		}
		if diff := cmp.Diff(table, string(had)); diff != "" && !*update {
			t.Errorf("the table of %s is not current; go test ./proxy/service -run Documentation -update (-code +page):\n%s", name, diff)
		}
		doc = bytes.Join([][]byte{before, open, []byte(table), end, after}, nil)
	}
	if *update {
		if err := os.WriteFile(docFile, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func optionTable() string {
	var b strings.Builder
	b.WriteString("| key | flag | default | allowed | meaning |\n|---|---|---|---|---|\n")
	row := func(s *setting, key string, value any) {
		byDefault := "none"
		if s.byValue != "" {
			byDefault = "`" + s.byValue + "`"
		}
		allowed := s.allowed(value, "")
		if allowed == "" {
			allowed = kindOf(value)
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s | %s |\n", key, s.flag, byDefault, allowed, s.doc)
	}
	var c Config
	var l Listener
	for _, s := range listenerSettings {
		row(&s.setting, "listen[]."+s.key, s.of(&l))
	}
	for i := range settings {
		row(&settings[i], settings[i].key, settings[i].at(&c))
	}
	return b.String()
}

// treatmentTable groups the commands of command mode by what becomes of them;
// those that are simply shared are the rest.
func treatmentTable() string {
	type group struct {
		treatment    proxy.Treatment
		reason, note string
	}
	commands := map[group][]string{}
	var order []group
	shared := 0
	for _, v := range proxy.ExplainAll(proxy.Options{}) {
		g := group{v.Treatment, v.Reason, v.Note}
		if v.Treatment == proxy.Shared && v.Note == "" {
			shared++
			continue
		}
		if commands[g] == nil {
			order = append(order, g)
		}
		commands[g] = append(commands[g], strings.ToUpper(strings.ReplaceAll(v.Command, "|", " ")))
	}
	var b strings.Builder
	b.WriteString("| commands | what | why, or until when |\n|---|---|---|\n")
	for _, t := range []proxy.Treatment{proxy.Pinned, proxy.Block, proxy.FanIn, proxy.Answered, proxy.Refused, proxy.Shared} {
		for _, g := range order {
			if g.treatment != t {
				continue
			}
			what := string(t)
			if g.reason != "" {
				what += ": `" + g.reason + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(commands[g], ", "), what, g.note)
		}
	}
	fmt.Fprintf(&b, "| the %d others | shared | |\n", shared)
	return b.String()
}

func metricTable() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range families {
		labels := ""
		if m.labels != nil {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, m.help)
	}
	return b.String()
}
