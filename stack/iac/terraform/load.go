package terraform

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// sourceOf returns the source argument of a module call.
func (m *module) sourceOf(name string) string {
	if m.source == nil {
		return ""
	}
	s, _ := m.literalArgument(m.source.calls[name], "source").scalar()
	return s
}

// load reads the source of a called module: a local path, or what terraform
// init has installed. why says what is missing.
func (e *engine) load(m *module, name, source string) (f *folder, why string) {
	dir, installed := e.installed[moduleKey(m, name)]
	local := strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../")
	switch {
	case m.depth >= maxModuleDepth || e.modules > maxModules:
		return nil, fmt.Sprintf("modules call each other more than %d levels deep", maxModuleDepth)
	case local && m.source != nil:
		dir = filepath.Join(m.source.dir, filepath.FromSlash(source))
	case !installed:
		return nil, "the source of " + m.in("module."+name) + " (" + orElse(source, "none") + ") is not on this machine; run terraform init, or give the plan"
	}
	f, read := e.folders[dir]
	if !read {
		f = e.openFolder(dir)
	}
	if f == nil {
		return nil, "the source of " + m.in("module."+name) + " cannot be read at " + source
	}
	return f, ""
}

// openFolder reads a folder of source once; one that cannot be read is nil.
func (e *engine) openFolder(dir string) *folder {
	f, err := readFolder(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f = nil
	case err != nil:
		// What the module holds is missing as a gap of its own, or is in the plan.
		e.gaps = append(e.gaps, stack.Gap{What: dir, Kind: "others", Why: err.Error()})
		f = nil
	default:
		if !e.planned {
			e.gaps = append(e.gaps, f.skipped...)
		}
		if len(f.blocks)+len(f.outputs)+len(f.calls)+len(f.locals) == 0 {
			f = nil
		}
	}
	e.folders[dir] = f
	return f
}

// touchesResources reports whether the call of m hands it anything that could
// lead it to a resource of the stack. A module that is handed nothing cannot
// add a rule or a route to one.
func (m *module) touchesResources() bool {
	if m.call == nil {
		return true
	}
	for name, a := range m.call.body.Attributes {
		switch name {
		case "source", "version", "providers", "depends_on", "count", "for_each":
			continue
		}
		if !m.e.eval(a.Expr, m.scope).literalOnly() {
			return true
		}
	}
	return false
}

// moduleKey is how terraform init names a call: the path of names, without keys.
func moduleKey(m *module, name string) string {
	for x := m; x != nil && x.address != ""; x = x.scope.m {
		_, last := parent(x.address)
		name = last + "." + name
	}
	return name
}
