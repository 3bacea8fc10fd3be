package terraform

import (
	"encoding/json"
	"strings"
	"testing"
)

// A plan whose thousands of functions each refer to all of thousands of subnets
// is given up on, in time and memory that a reviewer has: evaluated one by one it
// would be some ten million ids.
func TestThousandsOfThousands(t *testing.T) {
	const n = 1200
	type object = map[string]any
	var changes, blocks []any
	change := func(typ, name string, after, unknown object) {
		for i := range n {
			changes = append(changes, object{"address": typ + "." + name + "[" + string(must(json.Marshal(i))) + "]", "mode": "managed", "type": typ, "name": name, "index": i,
				"change": object{"actions": []string{"create"}, "after": after, "after_unknown": unknown}})
		}
	}
	for _, name := range []string{"a", "b"} {
		change("aws_subnet", name, object{}, object{"id": true})
		blocks = append(blocks, object{"address": "aws_subnet." + name, "expressions": object{}})
	}
	change("aws_lambda_function", "f", object{"vpc_config": []any{object{"subnet_ids": []any{nil}}}}, object{"vpc_config": []any{object{"subnet_ids": []any{true}}}})
	blocks = append(blocks, object{"address": "aws_lambda_function.f", "expressions": object{
		"vpc_config": []any{object{"subnet_ids": object{"references": []string{"aws_subnet.a", "aws_subnet.b", "local.x", "count.index"}}}}}})
	plan := object{"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": changes, "configuration": object{"root_module": object{"resources": blocks}}}
	s, err := Read("no/such/folder/plan.json", must(json.Marshal(plan)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Functions) != n {
		t.Fatalf("%d functions", len(s.Functions))
	}
	last := s.Functions[n-1].VPC
	if last == nil || len(last.Subnets) == 0 || last.Subnets[0].IsKnown() || !strings.Contains(last.Subnets[0].Why(), tooLarge) {
		t.Errorf("%+v", last)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
