package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	modulePath  = "github.com/thawdev/thaw"
	examplePath = "examples/storefront/template.yaml"
)

var errNoExample = errors.New("the built-in example needs Thaw's source: run inside its checkout, or give a template: thaw lab template.yaml")

// findExample returns the template of the built-in example: from the checkout
// around the working directory, else from the module cache, where the go command
// put the source of an installed thaw.
func findExample(ctx context.Context) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module "+modulePath+"\n")) {
			return filepath.Join(dir, filepath.FromSlash(examplePath)), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", modulePath+"@"+version()).Output()
	if err != nil {
		return "", errNoExample
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil || module.Dir == "" {
		return "", fmt.Errorf("%w (the module cache has no copy)", errNoExample)
	}
	return filepath.Join(module.Dir, filepath.FromSlash(examplePath)), nil
}
