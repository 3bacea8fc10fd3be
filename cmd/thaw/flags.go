package main

import (
	"fmt"
	"net/url"
	"strings"
)

// pairs reads NAME=VALUE arguments of a flag.
func pairs(flag string, args []string) (map[string]string, error) {
	values := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%s %q: write NAME=VALUE", flag, arg)
		}
		values[name] = value
	}
	return values, nil
}

// commandLine is the command that was given, for the result, without what may
// be a secret: values of --env and --parameter, and passwords in URLs.
func commandLine(args []string) string {
	words := []string{"thaw"}
	secret := false
	for _, arg := range args[min(1, len(args)):] {
		flag, value, joined := strings.Cut(arg, "=")
		switch {
		case secret:
			name, _, _ := strings.Cut(arg, "=")
			arg = name + "=***"
		case joined && isSecretFlag(flag):
			name, _, _ := strings.Cut(value, "=")
			arg = flag + "=" + name + "=***"
		case joined && strings.Contains(value, "://"):
			arg = flag + "=" + redactURL(value)
		case strings.Contains(arg, "://"):
			arg = redactURL(arg)
		}
		secret = !secret && isSecretFlag(arg)
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

func isSecretFlag(arg string) bool { return arg == "--env" || arg == "--parameter" }

func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "***"
	}
	return u.Redacted()
}

// quote makes a word that a shell reads back as it is.
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$`<>|&;()*?[]{}#~!") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
