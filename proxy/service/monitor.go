package service

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/thawdev/thaw/proxy"
	"github.com/thawdev/thaw/proxy/wire"
)

// Usage is what a list of commands comes to.
type Usage struct {
	Commands   int                     `json:"commands"`
	Skipped    int                     `json:"skipped"` // lines that are no command
	Treatments map[proxy.Treatment]int `json:"treatments"`
	// Uses are what pins or is refused, the most frequent first.
	Uses []Use `json:"uses"`
}

// Use is how often one command of one library was pinned or refused.
type Use struct {
	proxy.Verdict
	Library string `json:"library,omitempty"`
	Client  string `json:"client,omitempty"`
	Count   int    `json:"count"`
}

// maxMonitored bounds what a file can make the reader remember.
const (
	maxMonitored = 100_000
	maxUses      = 1000
	maxLine      = 1 << 20
)

// monitorLine is a line of MONITOR: time, database, address, then the arguments in
// quotes. The address of IPv6 has brackets too. What a script did stands under "lua" and runs where the script does.
var monitorLine = regexp.MustCompile(`^\+?\d+\.\d+ \[\d+ (.*?)\] (".*)$`)

// reader follows the commands of a file, client by client.
type reader struct {
	opts    proxy.Options
	parser  wire.CommandParser
	usage   Usage
	uses    map[Use]int
	clients map[string]*monitored
}

// monitored is what one client has said of itself.
type monitored struct {
	library, name string
	multi         bool
}

// ReadCommands reads commands, one a line, as a person types them or as MONITOR
// prints them, and says what a proxy with these options would do with them. It needs to remember
// little, so that MONITOR can be piped into it for an hour.
func ReadCommands(r io.Reader, o proxy.Options) (Usage, error) {
	d := reader{opts: o, uses: map[Use]int{}, clients: map[string]*monitored{}}
	d.usage.Treatments = map[proxy.Treatment]int{}
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, more, err := lines.ReadLine()
		if err == nil && !more {
			d.line(line)
			continue
		}
		for err == nil && more { // a value of megabytes: nothing of the line is kept
			_, more, err = lines.ReadLine()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return d.usage, fmt.Errorf("service: line %d: %w", d.usage.Commands+d.usage.Skipped+1, err)
		}
		d.usage.Skipped++
	}
	d.usage.Uses = []Use{}
	for use, n := range d.uses {
		use.Count = n
		d.usage.Uses = append(d.usage.Uses, use)
	}
	slices.SortFunc(d.usage.Uses, func(a, b Use) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Command, b.Command), strings.Compare(a.Library, b.Library), strings.Compare(a.Client, b.Client))
	})
	return d.usage, nil
}

func (d *reader) line(line []byte) {
	line = bytes.TrimSpace(line)
	address := ""
	if m := monitorLine.FindSubmatch(line); m != nil {
		address, line = string(m[1]), m[2]
	}
	if len(line) == 0 || line[0] == '#' || string(line) == "OK" || address == "lua" {
		d.usage.Skipped++
		return
	}
	d.parser.Reset()
	c, n, err := d.parser.Next(append(bytes.Clone(line), '\n'))
	if err != nil || n == 0 || c == nil || !c.Inline {
		d.usage.Skipped++
		return
	}
	d.command(c.Args, d.client(address))
}

// client returns what is known of the client at an address; beyond the bound all
// are one.
func (d *reader) client(address string) *monitored {
	c := d.clients[address]
	if c == nil {
		if len(d.clients) >= maxMonitored {
			address = ""
			if c = d.clients[""]; c != nil {
				return c
			}
		}
		c = &monitored{}
		d.clients[address] = c
	}
	return c
}

func (d *reader) command(args [][]byte, c *monitored) {
	d.usage.Commands++
	v := proxy.Explain(args, d.opts)
	c.learn(v.Command, args)
	if c.multi && v.Treatment != proxy.Refused && d.opts.PoolMode != proxy.TransactionMode && d.opts.PoolMode != proxy.SessionMode {
		v = inBlock(v)
	}
	switch v.Command {
	case "multi":
		c.multi = true
	case "exec", "discard", "reset":
		c.multi = false
	}
	d.usage.Treatments[v.Treatment]++
	if v.Treatment != proxy.Pinned && v.Treatment != proxy.Refused {
		return
	}
	use := Use{Verdict: v, Library: c.library, Client: c.name}
	if d.uses[use] == 0 && len(d.uses) >= maxUses {
		use.Library, use.Client = "", ""
	}
	d.uses[use]++
}

// inBlock is the verdict on a command between MULTI and EXEC: it goes up with the
// block, unless it changes its connection, which makes the block need one of its
// own. Blocking commands do not block there.
func inBlock(v proxy.Verdict) proxy.Verdict {
	switch {
	case v.Command == "exec", v.Command == "discard", v.Command == "quit", v.Command == "reset":
	case v.Reason == "tracking", v.Reason == "no_touch", v.Reason == "import_source", v.Reason == "unknown_command", v.Command == "select", v.Treatment == proxy.FanIn:
		v.Treatment, v.Reason, v.Note = proxy.Pinned, "multi", "until EXEC: inside MULTI it changes the connection"
	default:
		v.Treatment, v.Reason, v.Note = proxy.Block, "", ""
	}
	return v
}

// learn keeps what the client says of itself.
func (c *monitored) learn(command string, args [][]byte) {
	switch {
	case command == "client|setinfo" && len(args) == 4 && strings.EqualFold(string(args[2]), "lib-name"):
		c.library = clipped(args[3])
	case command == "client|setname" && len(args) == 3:
		c.name = clipped(args[2])
	case command == "hello":
		for i := 1; i+1 < len(args); i++ {
			if strings.EqualFold(string(args[i]), "setname") {
				c.name = clipped(args[i+1])
			}
		}
	}
}

func clipped(b []byte) string { return string(b[:min(len(b), 64)]) }

// ParseCommand reads one command as a person types it, with quotes as in
// redis-cli.
func ParseCommand(text string) ([][]byte, error) {
	var p wire.CommandParser
	c, _, err := p.Next([]byte(strings.TrimSpace(text) + "\n"))
	switch {
	case err != nil:
		return nil, err
	case c == nil || !c.Inline:
		return nil, fmt.Errorf("this is no command; write it like GET key")
	}
	return c.Args, nil
}
