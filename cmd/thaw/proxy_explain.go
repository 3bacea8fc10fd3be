package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/proxy"
	"github.com/thawdev/thaw/proxy/service"
)

const proxyExplainLong = `Says which commands and which clients of a proxy need a connection of the server
for themselves (they pin), why, and how to avoid it. Without arguments it lists what
becomes of every command.

Each argument is a command, with its own arguments in one word if it has any. A file
holds one command a line, as typed or as MONITOR prints them. --from asks a proxy
that runs, at the address of its --metrics, who has pinned since its start.

Exit code 0: nothing pins or is refused, 1: something does, 2: could not run.`

const proxyExplainExample = `  thaw proxy explain BLPOP 'CLIENT TRACKING ON' 'XREAD STREAMS s 0' WATCH
  redis-cli MONITOR | head -100000 | thaw proxy explain --file -
  thaw proxy explain --from http://127.0.0.1:9121
  thaw proxy explain --json | jq '.commands[] | select(.treatment == "pinned")'`

type explainRun struct {
	file, from  string
	mode, admin string
	json        bool
	out         io.Writer
}

func proxyExplainCommand() *cobra.Command {
	var e explainRun
	cmd := &cobra.Command{
		Use:     "explain [COMMAND...]",
		Short:   "Say which commands and clients would pin a connection, and how to avoid it",
		Long:    proxyExplainLong,
		Example: proxyExplainExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			e.out = cmd.OutOrStdout()
			return e.run(cmd.Context(), args, cmd.InOrStdin())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&e.file, "file", "", "read commands from a file, one a line, or MONITOR's output; - is standard input")
	flags.StringVar(&e.from, "from", "", "ask a running proxy: the http:// address of its --metrics")
	flags.StringVar(&e.mode, "pool-mode", string(proxy.CommandMode), "pool mode to judge by: command, transaction or session")
	flags.StringVar(&e.admin, "admin", "deny", "administrative commands: deny or allow")
	flags.BoolVar(&e.json, "json", false, "print one JSON document")
	return cmd
}

func (e *explainRun) run(ctx context.Context, args []string, stdin io.Reader) error {
	switch mode := proxy.PoolMode(e.mode); {
	case mode != proxy.CommandMode && mode != proxy.TransactionMode && mode != proxy.SessionMode:
		return fmt.Errorf("--pool-mode %q: use command, transaction or session", e.mode)
	case e.admin != "deny" && e.admin != "allow":
		return fmt.Errorf("--admin %q: use deny or allow", e.admin)
	case e.file != "" && e.from != "", len(args) > 0 && (e.file != "" || e.from != ""):
		return errors.New("give commands, or --file, or --from, but not two of them")
	case e.from != "":
		return e.running(ctx)
	case e.file != "":
		return e.commands(stdin)
	case len(args) == 0:
		return e.table()
	}
	return e.each(args)
}

func (e *explainRun) options() proxy.Options {
	return proxy.Options{PoolMode: proxy.PoolMode(e.mode), AllowAdmin: e.admin == "allow"}
}

// explained is the JSON document.
type explained struct {
	Format   string           `json:"format"`
	PoolMode string           `json:"pool_mode,omitempty"`
	Admin    string           `json:"admin,omitempty"`
	Commands []proxy.Verdict  `json:"commands,omitempty"`
	Usage    *service.Usage   `json:"usage,omitempty"`
	Running  *service.Pins    `json:"running,omitempty"`
	Advice   []service.Advice `json:"advice"`
}

func (e *explainRun) document() explained {
	return explained{Format: "thaw.explain/1", PoolMode: e.mode, Admin: e.admin, Advice: []service.Advice{}}
}

func (e *explainRun) printJSON(doc explained) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func (e *explainRun) judge(command string) (proxy.Verdict, error) {
	args, err := service.ParseCommand(command)
	if err != nil {
		return proxy.Verdict{}, err
	}
	return proxy.Explain(args, e.options()), nil
}

// each judges the commands of the command line.
func (e *explainRun) each(args []string) error {
	doc := e.document()
	var pairs [][2]string
	for _, a := range args {
		v, err := e.judge(a)
		if err != nil {
			return fmt.Errorf("%q: %w", a, err)
		}
		doc.Commands = append(doc.Commands, v)
		pairs = append(pairs, [2]string{v.Reason})
	}
	doc.Advice = service.AdviceOn(pairs)
	if e.json {
		return cmp.Or(e.printJSON(doc), findings(len(doc.Advice) > 0 || refuses(doc.Commands)))
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for i, v := range doc.Commands {
		fmt.Fprintf(w, "%s\t%s\t%s\n", args[i], treatment(v), v.Note)
	}
	w.Flush()
	e.advise(doc.Advice)
	return findings(len(doc.Advice) > 0 || refuses(doc.Commands))
}

func refuses(all []proxy.Verdict) bool {
	return slices.ContainsFunc(all, func(v proxy.Verdict) bool { return v.Treatment == proxy.Refused })
}

// findings is the error for exit code 1.
func findings(found bool) error {
	if found {
		return errFindings
	}
	return nil
}

func treatment(v proxy.Verdict) string {
	if v.Reason == "" {
		return string(v.Treatment)
	}
	return string(v.Treatment) + " (" + v.Reason + ")"
}

func (e *explainRun) advise(all []service.Advice) {
	for _, a := range all {
		fmt.Fprintf(e.out, "\n%s: %s\n", a.For, a.Text)
	}
}

// table lists all commands by treatment. It is a document and finds nothing.
func (e *explainRun) table() error {
	doc := e.document()
	doc.Commands = proxy.ExplainAll(e.options())
	if e.json {
		return e.printJSON(doc)
	}
	for _, t := range []proxy.Treatment{proxy.Pinned, proxy.FanIn, proxy.Block, proxy.Answered, proxy.Refused, proxy.Shared} {
		groups := map[string][]string{}
		var order []string
		for _, v := range doc.Commands {
			if v.Treatment != t {
				continue
			}
			key := v.Note
			if v.Reason != "" {
				key = v.Reason + ", " + v.Note
			}
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], strings.ToUpper(strings.ReplaceAll(v.Command, "|", " ")))
		}
		if len(order) == 0 {
			continue
		}
		fmt.Fprintf(e.out, "%s\n", t)
		for _, key := range order {
			if key != "" {
				fmt.Fprintf(e.out, "  %s:\n", key)
			}
			fmt.Fprintf(e.out, "    %s\n", strings.Join(groups[key], ", "))
		}
	}
	return nil
}

// commands judges a file.
func (e *explainRun) commands(stdin io.Reader) error {
	in := stdin
	if e.file != "-" {
		f, err := os.Open(e.file)
		if err != nil {
			return fmt.Errorf("--file: %w", err)
		}
		defer f.Close()
		in = f
	}
	usage, err := service.ReadCommands(in, e.options())
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	if usage.Commands == 0 {
		return errors.New("--file: no command in it; write one a line, or give MONITOR's output")
	}
	doc := e.document()
	doc.Usage = &usage
	var pairs [][2]string
	for _, u := range usage.Uses {
		pairs = append(pairs, [2]string{u.Reason, u.Library})
	}
	doc.Advice = service.AdviceOn(pairs)
	found := findings(len(usage.Uses) > 0)
	if e.json {
		return cmp.Or(e.printJSON(doc), found)
	}
	e.printUsage(usage)
	e.advise(doc.Advice)
	return found
}

func (e *explainRun) printUsage(u service.Usage) {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "commands\t%d\n", u.Commands)
	for _, t := range []proxy.Treatment{proxy.Shared, proxy.Block, proxy.Answered, proxy.FanIn, proxy.Pinned, proxy.Refused} {
		if n := u.Treatments[t]; n > 0 {
			fmt.Fprintf(w, "%s\t%d\t%.1f %%\n", t, n, 100*float64(n)/float64(u.Commands))
		}
	}
	if u.Skipped > 0 {
		fmt.Fprintf(w, "lines skipped\t%d\n", u.Skipped)
	}
	w.Flush()
	if len(u.Uses) == 0 {
		return
	}
	fmt.Fprintln(e.out)
	fmt.Fprintln(w, "command\twhat\ttimes\tlibrary\tclient\t")
	for _, use := range u.Uses {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", name(use.Command), treatment(use.Verdict), use.Count, shown(use.Library), shown(use.Client))
	}
	w.Flush()
}

func name(command string) string { return strings.ToUpper(strings.ReplaceAll(command, "|", " ")) }

// shown makes what a client said of itself fit for a terminal.
func shown(s string) string {
	if s == "" {
		return "-"
	}
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}

// running asks a proxy.
func (e *explainRun) running(ctx context.Context) error {
	pins, err := askPins(ctx, e.from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	doc := e.document()
	doc.PoolMode, doc.Admin, doc.Running = pins.PoolMode, "", &pins
	var pairs [][2]string
	for _, p := range pins.Pins {
		pairs = append(pairs, [2]string{p.Reason, p.Library})
	}
	doc.Advice = service.AdviceOn(pairs)
	found := findings(len(pins.Pins) > 0)
	if e.json {
		return cmp.Or(e.printJSON(doc), found)
	}
	fmt.Fprintf(e.out, "up %s, pool mode %s, %d clients, at most %d pinned\n", time.Duration(pins.Uptime*float64(time.Second)).Round(time.Second), pins.PoolMode, pins.Clients, pins.MaxPinned)
	if len(pins.Pins) == 0 {
		fmt.Fprintln(e.out, "no client has had a connection for itself")
		return nil
	}
	fmt.Fprintln(e.out)
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "reason\tcommand\tlibrary\tclient\ttimes\tseconds\tnow")
	for _, p := range pins.Pins {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%.3f\t%d\n", p.Reason, shown(name(p.Command)), shown(p.Library), shown(p.Client), p.Count, p.Seconds, p.Now)
	}
	w.Flush()
	e.advise(doc.Advice)
	return found
}

// askPins gets /pins of a running proxy.
func askPins(ctx context.Context, address string) (service.Pins, error) {
	var pins service.Pins
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/pins", nil)
	if err != nil {
		return pins, err
	}
	client := http.Client{Transport: &http.Transport{}} // an address of the own network, so no proxy of the environment
	resp, err := client.Do(req)
	if err != nil {
		return pins, fmt.Errorf("%w; is it the address of the proxy's --metrics?", err)
	}
	defer resp.Body.Close()
	const enough = 16 << 20
	if err := json.NewDecoder(io.LimitReader(resp.Body, enough)).Decode(&pins); err != nil || pins.Format != service.PinsFormat {
		return pins, fmt.Errorf("%s does not answer like thaw proxy (%s); give the address of its --metrics", address, resp.Status)
	}
	return pins, nil
}
