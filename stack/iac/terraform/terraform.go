// Package terraform reads Terraform into a stack.Stack: a plan or a state as
// `terraform show -json` prints it, or a folder of source (HCL).
//
//	plan.json ──▶ resources with values, ──┐
//	              what is not known yet    ├─▶ instances ──▶ *stack.Stack
//	*.tf ───────▶ expressions ─────────────┘   with lazy      network, cache,
//	                                           arguments      function, …
//
// A plan says exactly which resources there will be, and leaves out what only
// apply decides: nearly every id. Those are what matters here, so they are
// worked out again, as a reference to the resource that will have the id: from
// the expression if the source lies beside the plan, else from what the plan's
// configuration says that the argument refers to.
//
// Source without a plan is evaluated as far as that goes without a provider and
// without AWS; what cannot be read is a gap of the stack, and each value that
// depends on it is unknown.
//
// # What a plan alone cannot say
//
// Without source, an argument that is known only after apply is worked out from
// the list of what its expression refers to. The list does not hold the
// expression: x[*].id, slice(x[*].id, 0, 1) and element(x[*].id, 1) all refer to
// x, and x[count.index] and x[(count.index+1)%2] to x and count.index. Constants
// are not in it, nor is what a local stands for. So these rules hold, and none of
// them can make a path look open that is not:
//
//   - One thing that is referred to is what an id is, since the id would be known
//     otherwise. It is never the text of a variable, around which more may stand:
//     that the function uses the cache is known, and its text is not.
//   - Of several, a list holds them all if the plan shows as many unknown places.
//     In a list that is unknown as a whole (sets of the AWS provider are) it holds
//     some: for subnets of a function or of a cache all are taken, because a path
//     that is open from all is open from some; any other list is unknown. If what
//     is known may choose between lists, as var.public ? x[*].id : y[*].id does,
//     that is unknown too. So a subnet that slice leaves out can be told to be one
//     of the function's, and a path from it to be closed.
//   - Constants may stand in such a list beside them, unless apply creates the VPC.
//   - count.index and each.key choose one of several, and which is not known. For
//     associations, routes and rules of which AWS refuses two that are alike, and
//     which differ in nothing else, it makes no difference, so there it is.
//   - A block of a set is found by the constants that it states, not by its place.
//
// What stays unknown says what it may mention, why it is unknown, and that the
// source should lie beside the plan.
//
// Everything read here is untrusted: sizes, depth and work are bounded.
package terraform

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Options fill in what a configuration leaves open. The zero Options is usable.
type Options struct {
	// Variables are values of the root module's variables, as -var takes them.
	// They go before *.tfvars files; a plan holds its own.
	Variables map[string]string

	Region string // where the configuration names none; "" stays unknown
	Name   string // of the stack; "" is the name of the folder, or of the file without its extension

	variables map[string]value // all of them, evaluated
}

// maxPlan is the largest plan that is read, in bytes. Plans of 5,000 resources
// have some 30 MB.
const maxPlan = 512 << 20

// Recognize reports whether data looks like the JSON of a plan or of a state.
func Recognize(data []byte) bool {
	s := &scanner{data: plain(data)}
	if s.peek() != '{' {
		return false
	}
	found := false
	stop := errors.New("found")
	// A truncated or broken document is recognized by how it begins.
	_ = s.object(1, func(key string) error {
		switch key {
		case "terraform_version", "planned_values", "resource_changes", "prior_state":
			found = true
			return stop
		}
		return s.skip(2)
	})
	return found
}

// ReadFile reads a plan, a state, or one file of source.
func ReadFile(path string, opts Options) (*stack.Stack, error) {
	if strings.HasSuffix(path, ".tf") {
		return readSource(filepath.Dir(path), path, opts)
	}
	data, err := readBounded(path, maxPlan)
	if err != nil {
		return nil, err
	}
	return Read(path, data, opts)
}

// Read reads a plan or a state held in memory. name is the file name that
// origins and errors show. Source that lies in the folder of the file is read
// too: it gives lines, and expressions that a plan leaves out.
//
// data must not change until Read has returned.
func Read(name string, data []byte, opts Options) (*stack.Stack, error) {
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return nil, fmt.Errorf("terraform: %s is a saved plan, which only Terraform can read; run terraform show -json %s > plan.json, and give that", name, filepath.Base(name))
	}
	d, err := readDocument(plain(data))
	if err != nil {
		return nil, fmt.Errorf("terraform: %s: %w", name, err)
	}
	if opts.Name == "" {
		base := filepath.Base(name)
		opts.Name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	opts.variables = map[string]value{}
	for i, k := range d.variables.keys {
		opts.variables[k] = d.variables.items[i].get("value")
	}
	e := newEngine(opts)
	e.file, e.planned = name, true
	dir := filepath.Dir(name)
	e.readInstalled(dir)
	e.root.source = e.openFolder(dir)
	e.plant(d)
	e.noteDocument(d)
	return build(e, e.plannedRegion(d)), nil
}

// noteDocument says what is missing from a plan as a whole.
func (e *engine) noteDocument(d *document) {
	if d.errored {
		e.gaps = append(e.gaps, stack.Gap{What: "the plan", Why: "Terraform stopped with an error, so the plan is not complete", Origin: stack.Origin{File: e.file}})
	}
	if d.complete.kind == boolean && d.complete.lit == "false" {
		e.gaps = append(e.gaps, stack.Gap{What: "the plan", Why: "it is partial: resources were deferred or not targeted", Origin: stack.Origin{File: e.file}})
	}
}

func (e *engine) plannedRegion(d *document) string {
	x := d.providers.get("aws").get("expressions").get("region")
	if x.kind == object {
		if s, ok := e.evalConfig(x, truth(true), scope{m: e.root}).scalar(); ok && s != "" {
			return s
		}
		for _, r := range x.get("references").items { // a known variable is no candidate for what is not known
			if name, ok := strings.CutPrefix(r.lit, "var."); ok {
				if s, ok := e.root.variable(name).scalar(); ok {
					return s
				}
			}
		}
	}
	return e.opts.Region
}

// ReadFolder reads the plan in a folder, or else its source. A folder may hold
// one plan beside its source.
func ReadFolder(path string, opts Options) (*stack.Stack, error) {
	plan, err := findPlan(path)
	if err != nil {
		return nil, err
	}
	if opts.Name == "" {
		if abs, err := filepath.Abs(path); err == nil {
			opts.Name = filepath.Base(abs)
		}
	}
	if plan != "" {
		return ReadFile(plan, opts)
	}
	return readSource(path, "", opts)
}

// HasSource reports whether a folder holds a plan or Terraform source.
func HasSource(path string) bool {
	found, _ := filepath.Glob(filepath.Join(path, "*.tf"))
	plan, _ := findPlan(path)
	return len(found) > 0 || plan != ""
}

// findPlan returns the plan in a folder, or "".
func findPlan(path string) (string, error) {
	candidates, err := filepath.Glob(filepath.Join(path, "*.json"))
	if err != nil {
		return "", fmt.Errorf("terraform: %w", err)
	}
	candidates = slices.DeleteFunc(candidates, func(c string) bool { return !beginsLikePlan(c) })
	for _, c := range candidates {
		if b := filepath.Base(c); b == "plan.json" || b == "tfplan.json" {
			return c, nil
		}
	}
	switch len(candidates) {
	case 0:
		return "", nil
	case 1:
		return candidates[0], nil
	}
	return "", fmt.Errorf("terraform: %s holds several plans (%s, %s); give one of them", path, filepath.Base(candidates[0]), filepath.Base(candidates[1]))
}

// beginsLikePlan looks at the first bytes of a file; Terraform writes the
// versions first.
func beginsLikePlan(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := f.Read(head)
	return Recognize(head[:n])
}

// readSource reads a folder of source, or one file of it.
func readSource(dir, file string, opts Options) (*stack.Stack, error) {
	f := newFolder(dir)
	var err error
	if file == "" {
		f, err = readFolder(dir)
	} else {
		var data []byte
		if data, err = readBounded(file, maxSource); err == nil {
			err = f.parse(file, data)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(f.blocks)+len(f.calls) == 0 {
		return nil, fmt.Errorf("terraform: %s declares no resource and calls no module", orElse(file, dir))
	}
	if opts.Name == "" {
		opts.Name = strings.TrimSuffix(filepath.Base(orElse(file, dir)), ".tf")
	}
	e := newEngine(opts)
	e.root.source = f
	e.folders[dir] = f
	e.gaps = append(e.gaps, f.skipped...)
	if err := e.readVariables(dir); err != nil {
		return nil, err
	}
	e.readInstalled(dir)
	return build(e, e.sourceRegion()), nil
}

func (e *engine) sourceRegion() string {
	for _, p := range e.root.source.providers {
		if p.attribute("alias") != nil {
			continue
		}
		if x := p.attribute("region"); x != nil {
			if s, ok := e.eval(x, scope{m: e.root}).scalar(); ok && s != "" {
				return s
			}
		}
	}
	return e.opts.Region
}

func newEngine(opts Options) *engine {
	e := &engine{opts: opts, folders: map[string]*folder{}, installed: map[string]string{}, workspace: literal("default")}
	if e.opts.variables == nil {
		e.opts.variables = map[string]value{}
	}
	e.root = e.newModule(nil, "")
	return e
}

// readVariables reads terraform.tfvars and *.auto.tfvars in Terraform's order,
// and then the options.
func (e *engine) readVariables(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.auto.tfvars"))
	if err != nil {
		return fmt.Errorf("terraform: %w", err)
	}
	for _, path := range append([]string{filepath.Join(dir, "terraform.tfvars")}, files...) {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		data, err := readBounded(path, maxSource)
		if err != nil {
			return err
		}
		body, _, err := parseHCL(path, data)
		if err != nil {
			return err
		}
		for name, a := range body.Attributes {
			e.opts.variables[name] = e.eval(a.Expr, scope{m: e.root})
		}
	}
	for name, given := range e.opts.Variables {
		e.opts.variables[name] = literal(given)
		// As on Terraform's command line, lists and objects are HCL.
		if strings.HasPrefix(given, "[") || strings.HasPrefix(given, "{") {
			if body, _, err := parseHCL("-var "+name, []byte("v = "+given+"\n")); err == nil {
				e.opts.variables[name] = e.eval(body.Attributes["v"].Expr, scope{m: e.root})
			}
		}
	}
	return nil
}

// readInstalled reads which workspace is selected, and where terraform init has
// put the modules. A plan may have been made in another workspace.
func (e *engine) readInstalled(dir string) {
	name, err := readBounded(filepath.Join(dir, ".terraform", "environment"), maxSource)
	switch name = bytes.TrimSpace(name); {
	case e.planned:
		e.workspace = unknownValue("the workspace in which the plan was made")
	case err == nil && len(name) > 0:
		e.workspace = literal(string(name))
	}
	data, err := readBounded(filepath.Join(dir, ".terraform", "modules", "modules.json"), maxSource)
	if err != nil {
		return
	}
	all, err := parseJSON(data)
	if err != nil {
		return
	}
	for _, m := range all.get("Modules").items {
		if key, path := m.get("Key").lit, m.get("Dir").lit; key != "" && path != "" {
			e.installed[key] = filepath.Join(dir, filepath.FromSlash(path))
		}
	}
}
