package service

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Sources are where a configuration comes from. A flag goes before a variable, a
// variable before the file, the file before the default.
type Sources struct {
	// File is the path of the YAML file; "" means none.
	File string
	// Environ is the environment, as from os.Environ. Empty variables are as
	// unset ones. Variables that name no setting are ignored, for Kubernetes makes THAW_PROXY_SERVICE_HOST and its
	// like for a service called thaw-proxy.
	Environ []string
	// Flags are the flags that were given, by name.
	Flags map[string]string
}

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// Load reads a configuration and checks it. Its error names the place of each
// mistake, as file:line:column, flag or variable, and what is allowed there.
func Load(src Sources) (Config, error) {
	l := loader{cfg: Default(), from: map[string]string{}}
	if src.File != "" {
		data, err := readBounded(src.File)
		if err != nil {
			return l.cfg, fmt.Errorf("service: --config: %w", err)
		}
		l.file(src.File, data)
	}
	l.environment(src.Environ)
	l.flags(src.Flags)
	l.validate()
	return l.cfg, errors.Join(l.errs...)
}

func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %s; is it a configuration file?", name, Size(maxFile))
	}
	return os.ReadFile(name)
}

// loader fills a Config and remembers where each value came from.
type loader struct {
	cfg  Config
	from map[string]string // key of a setting → place; none for a default
	errs []error
}

// fail notes a mistake. Only so many are kept: after them the file is not one of
// ours.
func (l *loader) fail(place, format string, args ...any) {
	const enough = 20
	if len(l.errs) < enough {
		l.errs = append(l.errs, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
	}
}

// set gives a setting its value from text.
func (l *loader) set(s *setting, p any, place, name, text string) {
	if err := s.assign(p, text); err != nil {
		l.fail(place, "%s%v", prefix(name), err)
		return
	}
	l.from[s.key] = place
}

func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + ": "
}

// assign parses text into p and checks the range.
func (s *setting) assign(p any, text string) error {
	if err := parse(p, text); err != nil {
		return fmt.Errorf("%w%s", err, s.allowed(p, "; allowed: "))
	}
	if s.choices != nil {
		for _, c := range s.choices {
			if text == c {
				return nil
			}
		}
		return fmt.Errorf("%q is not one of %s", text, strings.Join(s.choices, ", "))
	}
	if n, ok := amount(p); ok && (n < s.min || s.max > 0 && n > s.max) {
		return fmt.Errorf("%s is out of range%s", text, s.allowed(p, "; allowed: "))
	}
	return nil
}

// allowed says what values are, after lead; "" for those that can be anything.
func (s *setting) allowed(p any, lead string) string {
	if s.choices != nil {
		return lead + strings.Join(s.choices, ", ")
	}
	write := func(n int64) string {
		switch p.(type) {
		case *Size:
			return Size(n).String()
		case *time.Duration:
			return shortDuration(time.Duration(n))
		}
		return strconv.FormatInt(n, 10)
	}
	if _, ok := amount(p); !ok {
		return ""
	}
	if s.max == 0 {
		return lead + write(s.min) + " or more"
	}
	return lead + write(s.min) + " to " + write(s.max)
}

func (l *loader) environment(environ []string) {
	values := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && value != "" && strings.HasPrefix(name, "THAW_PROXY_") {
			values[name] = value
		}
	}
	l.apply(func(flag string) (place, text string, ok bool) {
		name := envName(flag)
		text, ok = values[name]
		return name, text, ok
	})
}

func (l *loader) flags(flags map[string]string) {
	l.apply(func(flag string) (place, text string, ok bool) {
		text, ok = flags[flag]
		return "--" + flag, text, ok
	})
}

// apply sets what get has, over what was set before.
func (l *loader) apply(get func(flag string) (place, text string, ok bool)) {
	for i := range settings {
		s := &settings[i]
		if place, text, ok := get(s.flag); ok {
			l.set(s, s.at(&l.cfg), place, "", text)
		}
	}
	if place, text, ok := get(listenFlag); ok {
		l.listenAt(place, text)
	}
	for _, s := range listenerSettings {
		if place, text, ok := get(s.flag); ok && s.flag != listenFlag {
			for i := range l.cfg.Listen {
				l.setListener(i, s, place, "", text)
			}
		}
	}
}

// listenAt replaces the listeners by ones at the addresses of a list.
func (l *loader) listenAt(place, text string) {
	var addresses []string
	if err := parse(&addresses, text); err != nil || len(addresses) == 0 {
		l.fail(place, "no address; write host:port or unix:/path")
		return
	}
	for key := range l.from {
		if strings.HasPrefix(key, "listen[") {
			delete(l.from, key)
		}
	}
	l.cfg.Listen = nil
	for i, a := range addresses {
		one := defaultListener()
		one.Address = a
		l.cfg.Listen = append(l.cfg.Listen, one)
		l.from[listenKey(i, "address")] = place
	}
}

func (l *loader) setListener(i int, s listenerSetting, place, name, text string) {
	if err := s.assign(s.of(&l.cfg.Listen[i]), text); err != nil {
		l.fail(place, "%s%v", prefix(name), err)
		return
	}
	l.from[listenKey(i, s.key)] = place
}

func listenKey(i int, key string) string { return "listen[" + strconv.Itoa(i) + "]." + key }
