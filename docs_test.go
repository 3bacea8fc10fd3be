package thaw

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// docs/client.md has a row for every option.
func TestDocumentationNamesEveryOption(t *testing.T) {
	b, err := os.ReadFile("docs/client.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Options]()) {
		if !strings.Contains(string(b), "\n| `"+f.Name+"` |") {
			t.Errorf("docs/client.md has no row for Options.%s", f.Name)
		}
	}
}
