package service

import (
	"slices"
	"strings"
)

func settingAt(key string) *setting {
	for i := range settings {
		if settings[i].key == key {
			return &settings[i]
		}
	}
	return nil
}

// isSection reports whether settings stand below the key.
func isSection(key string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return strings.HasPrefix(s.key, key+".") })
}

func isList(key string) bool {
	s := settingAt(key)
	if s == nil {
		return false
	}
	var c Config
	_, ok := s.at(&c).(*[]string)
	return ok
}

// childrenOf lists the keys directly below a path that is "" or ends in a dot.
func childrenOf(path string) []string {
	var keys []string
	add := func(key string) {
		rest, ok := strings.CutPrefix(key, path)
		if !ok {
			return
		}
		rest, _, _ = strings.Cut(rest, ".")
		if !slices.Contains(keys, rest) {
			keys = append(keys, rest)
		}
	}
	if path == "" {
		add(listenFlag)
	}
	for i := range settings {
		add(settings[i].key)
	}
	return keys
}

func listenerKeys(path string) []string {
	var keys []string
	for _, s := range listenerSettings {
		if rest, ok := strings.CutPrefix(s.key, path); ok {
			rest, _, _ = strings.Cut(rest, ".")
			if !slices.Contains(keys, rest) {
				keys = append(keys, rest)
			}
		}
	}
	return keys
}

// nearest returns the known word most like the given one, "" if none is.
func nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is that of Levenshtein: how many letters must be added, removed or
// changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0]++
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
