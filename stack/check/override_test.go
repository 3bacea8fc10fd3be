package check

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// mergeOverride merges a file of overrides into a configuration as Terraform
// does: an argument replaces the argument, nested blocks replace all blocks of
// their type, and what does not exist is an error. A block with count = 0 makes
// nothing, and is taken away. Source: Terraform language, "Override files".
func mergeOverride(t *testing.T, source, override []byte) []byte {
	t.Helper()
	base := parseHCL(t, source)
	for _, change := range parseHCL(t, override).Body().Blocks() {
		target := base.Body().FirstMatchingBlock(change.Type(), change.Labels())
		if target == nil {
			t.Fatalf("Missing base %s configuration for override: %v", change.Type(), change.Labels())
		}
		if count := change.Body().GetAttribute("count"); count != nil && string(count.Expr().BuildTokens(nil).Bytes()) == " 0" {
			base.Body().RemoveBlock(target)
			continue
		}
		replaced := map[string]bool{}
		drop := func(kind string) {
			if replaced[kind] {
				return
			}
			replaced[kind] = true
			for b := target.Body().FirstMatchingBlock(kind, nil); b != nil; b = target.Body().FirstMatchingBlock(kind, nil) {
				target.Body().RemoveBlock(b)
			}
		}
		for name, attribute := range change.Body().Attributes() {
			drop(name) // ingress = [] in place of blocks
			target.Body().SetAttributeRaw(name, attribute.Expr().BuildTokens(nil))
		}
		for _, b := range change.Body().Blocks() {
			drop(b.Type())
			target.Body().AppendBlock(b)
		}
	}
	return base.Bytes()
}

func parseHCL(t *testing.T, data []byte) *hclwrite.File {
	t.Helper()
	f, diags := hclwrite.ParseConfig(data, "main.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, data)
	}
	return f
}
