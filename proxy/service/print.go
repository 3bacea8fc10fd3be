package service

import (
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Print writes a configuration as a file that Load reads back, with a comment for
// each setting: what it does, what is allowed, its flag and its variable. A
// password in the URL is replaced by xxxxx.
func Print(w io.Writer, c Config) error {
	c.Upstream.URL = redactURL(c.Upstream.URL)
	p := printer{}
	p.line(0, "# Configuration of thaw proxy. Every setting is here with its default, so")
	p.line(0, "# delete what you do not change. A flag goes before an environment variable, a")
	p.line(0, "# variable before this file.")
	p.line(0, "")
	p.listeners(c.Listen)
	open := []string{}
	for i := range settings {
		s := &settings[i]
		parts := strings.Split(s.key, ".")
		open = p.sections(open, parts[:len(parts)-1])
		p.setting(len(open), s, parts[len(parts)-1], s.at(&c), s.byValue)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

func redactURL(s string) string {
	whole := s
	if !strings.Contains(s, "://") {
		whole = "redis://" + s // as upstream.ParseURL reads it
	}
	u, err := url.Parse(whole)
	if err != nil {
		return s
	}
	if _, has := u.User.Password(); !has {
		return s
	}
	return u.Redacted()
}

type printer struct{ b strings.Builder }

func (p *printer) line(depth int, text string) {
	if text != "" {
		p.b.WriteString(strings.Repeat("  ", depth) + text)
	}
	p.b.WriteByte('\n')
}

// sections writes the headings that path has and open has not.
func (p *printer) sections(open, path []string) []string {
	same := 0
	for same < len(open) && same < len(path) && open[same] == path[same] {
		same++
	}
	if same == 0 && len(path) > 0 && len(open) > 0 || len(path) == 0 && len(open) > 0 {
		p.line(0, "")
	}
	for depth := same; depth < len(path); depth++ {
		p.line(depth, path[depth]+":")
	}
	return path
}

// setting writes a comment and a value.
func (p *printer) setting(depth int, s *setting, key string, value any, byDefault string) {
	p.comment(depth, s, value, byDefault)
	p.line(depth, key+": "+yamlText(value))
}

func (p *printer) comment(depth int, s *setting, value any, byDefault string) {
	for _, line := range wrap(s.doc, 76-2*depth) {
		p.line(depth, "# "+line)
	}
	facts := "--" + s.flag + ", " + s.env()
	if a := s.allowed(value, ""); a != "" {
		facts = a + "; " + facts
	}
	p.line(depth, "# ("+facts+")")
}

func (p *printer) listeners(all []Listener) {
	for _, line := range wrap(listenDoc, 76) {
		p.line(0, "# "+line)
	}
	p.line(0, "listen:")
	for i := range all {
		in := ""
		for _, s := range listenerSettings {
			section, key, nested := strings.Cut(s.key, ".")
			if !nested {
				key = section
			} else if section != in {
				p.line(2, section+":")
				in = section
			}
			depth := 2
			if nested {
				depth = 3
			}
			lead := ""
			if s.key == "address" {
				depth, lead = 1, "- "
			}
			if i == 0 {
				p.comment(depth, &s.setting, s.of(&all[i]), s.byValue)
			}
			p.line(depth, lead+key+": "+yamlText(s.of(&all[i])))
		}
	}
	p.line(0, "")
}

// yamlText writes a value as YAML reads it back.
func yamlText(value any) string {
	switch v := value.(type) {
	case *string:
		if plain(*v) {
			return *v
		}
		return strconv.Quote(*v)
	case *[]string:
		quoted := make([]string, len(*v))
		for i, one := range *v {
			quoted[i] = strconv.Quote(one)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return format(value)
}

// plain reports whether text needs no quotes: words that no reader of YAML takes
// for anything else.
func plain(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c == '_' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "nan", "inf", "y", "n":
		return false
	}
	return true
}

// wrap breaks text into lines of at most width letters, if its words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
