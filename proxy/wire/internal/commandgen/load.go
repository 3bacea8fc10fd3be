package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// command is what one JSON file says, as far as it is a fact about the protocol.
type command struct {
	name string // "config" or "config|get", in lower case

	Container    string    `json:"container"`
	Arity        int       `json:"arity"`
	Since        string    `json:"since"`
	CommandFlags []string  `json:"command_flags"`
	DocFlags     []string  `json:"doc_flags"`
	Categories   []string  `json:"acl_categories"`
	KeySpecs     []keySpec `json:"key_specs"`
}

type keySpec struct {
	Flags []string `json:"flags"`
	Begin struct {
		Index *struct {
			Pos int `json:"pos"`
		} `json:"index"`
		Keyword *struct {
			Keyword   string `json:"keyword"`
			StartFrom int    `json:"startfrom"`
		} `json:"keyword"`
	} `json:"begin_search"`
	Find struct {
		Range *struct {
			LastKey int `json:"lastkey"`
			Step    int `json:"step"`
			Limit   int `json:"limit"`
		} `json:"range"`
		KeyNum *struct {
			KeyNumIdx int `json:"keynumidx"`
			FirstKey  int `json:"firstkey"`
			Step      int `json:"step"`
		} `json:"keynum"`
	} `json:"find_keys"`
}

// load reads every file of the folder and returns the commands by name, each
// container right before its subcommands.
func load(dir string) ([]command, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no JSON files: name the folder src/commands of a server's source", dir)
	}
	var all []command
	for _, f := range files {
		some, err := loadFile(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b command) int {
		return strings.Compare(sortKey(a.name), sortKey(b.name))
	})
	return all, nil
}

// sortKey puts "client|id" between "client" and "clients".
func sortKey(name string) string { return strings.ReplaceAll(name, "|", "\x00") }

func loadFile(path string) ([]command, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var named map[string]command
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, err
	}
	var out []command
	for name, c := range named {
		c.name = strings.ToLower(name)
		if c.Container != "" {
			c.name = strings.ToLower(c.Container) + "|" + c.name
		}
		if c.Arity == 0 {
			return nil, fmt.Errorf("%s has no arity", c.name)
		}
		out = append(out, c)
	}
	return out, nil
}
