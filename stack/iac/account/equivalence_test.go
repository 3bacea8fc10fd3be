package account_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/iac/account/awswrite"
)

const scenarios = "../../../testdata/stacks"

// TestTemplateAndAccountAgree deploys each scenario on paper: it writes the
// snapshot that the template's account would give and reads it back. Both
// stacks must say the same, but for what a template cannot know (it is unknown
// there), and what an account does not hold (notInAccount).
func TestTemplateAndAccountAgree(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(scenarios, "*", "template.*"))
	if err != nil || len(templates) < 10 {
		t.Fatalf("found %d templates, error %v", len(templates), err)
	}
	for _, path := range templates {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			want, err := iac.ReadFile(path, iac.Options{StackName: "app", Region: "eu-west-1"})
			if err != nil {
				t.Skipf("the template is not readable: %v", err)
			}
			want.Region = "eu-west-1"
			data := awswrite.Snapshot(want)
			if again := awswrite.Snapshot(want); string(again) != string(data) {
				t.Error("the same stack gives another snapshot")
			}
			if strings.Contains(string(data), "correct-horse") {
				t.Error("the auth token is in the snapshot")
			}
			got, err := account.Read("account.json", data)
			if err != nil {
				t.Fatal(err)
			}
			c := comparison{t: t, ids: pairIDs(t, want, got)}
			c.stacks(want, got)
			if len(got.Gaps) > 0 && len(want.Gaps) == 0 {
				t.Errorf("gaps: %v", got.Gaps)
			}
		})
	}
}

// notInAccount are the differences between a template and the account that it
// makes.
var notInAccount = map[string]string{
	"origin":       "another file",
	"type":         "SAM has its own types",
	"code":         "the code is in S3",
	"inline_code":  "the code is in S3",
	"conditional":  "what is deployed exists",
	"ignored":      "comments are not deployed",
	"schedules":    "the snapshot does not read EventBridge",
	"depends_on":   "the order of deployment is over",
	"grants":       "policies show as attached",
	"environment":  "compared by environments",
	"role":         "an ARN, also where the language makes the role",
	"alias":        "an account names the alias of provisioned concurrency, if there is one",
	"transit_mode": "AWS prints the default as required",
	"network_type": "AWS prints the default as ipv4",
	"zones":        "known once nodes run",
	"endpoints":    "known once nodes run",
	"subnet_group": "a template may name it by its logical id",
	"reader_port":  "printed for serverless caches only",
	"addresses":    "known once it runs",
}

// somewhere is the id of a resource that the model does not describe.
const somewhere = "somewhere"

type comparison struct {
	t   *testing.T
	ids map[string]string // id in the template → id in the account
}

// stacks compares each list of the stack; what AWS makes by itself (default
// groups, ACLs and main tables) may be there in addition.
func (c comparison) stacks(want, got *stack.Stack) {
	c.lists("vpcs", want.VPCs, got.VPCs)
	c.lists("subnets", want.Subnets, got.Subnets)
	c.lists("security_groups", want.SecurityGroups, got.SecurityGroups)
	c.lists("network_acls", want.NetworkACLs, got.NetworkACLs)
	c.lists("route_tables", want.RouteTables, got.RouteTables)
	c.lists("endpoints", want.Endpoints, got.Endpoints)
	c.lists("peerings", want.Peerings, got.Peerings)
	c.lists("gateways", want.Gateways, got.Gateways)
	c.lists("prefix_lists", want.PrefixLists, got.PrefixLists)
	c.lists("functions", want.Functions, got.Functions)
	c.lists("caches", want.Caches, got.Caches)
	for i, f := range want.Functions {
		c.environments(want, got, f, got.Functions[i])
	}
	for _, g := range got.SecurityGroups[len(want.SecurityGroups):] {
		if !g.Default {
			c.t.Errorf("group %s is new and not a default group", g.ID)
		}
	}
	for _, a := range got.NetworkACLs[len(want.NetworkACLs):] {
		if !a.Default {
			c.t.Errorf("ACL %s is new and not a default one", a.ID)
		}
	}
	for _, r := range got.RouteTables[len(want.RouteTables):] {
		if !r.Main {
			c.t.Errorf("route table %s is new and not a main one", r.ID)
		}
	}
	if n := len(got.Interfaces); n > 0 && len(want.Interfaces) == 0 {
		c.t.Errorf("%d interfaces are explained by nothing: %v", n, got.Interfaces[0].Description)
	}
}

// lists compares two lists, item by item, by the ids that belong together.
func (c comparison) lists(name string, want, got any) {
	c.t.Helper()
	items := map[string]any{}
	for _, it := range generic(c.t, got) {
		items[it.(map[string]any)["id"].(string)] = it
	}
	for _, it := range generic(c.t, want) {
		id := it.(map[string]any)["id"].(string)
		other, ok := items[c.ids[id]]
		if !ok {
			c.t.Errorf("%s: %s is not in the account", name, id)
			continue
		}
		c.same(name+"."+id, it, other)
	}
}

func (c comparison) same(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if _, unknown := w["unknown"]; unknown {
			return // a template cannot know it
		}
		g, ok := got.(map[string]any)
		if !ok {
			c.t.Errorf("%s: want %v, got %v", path, want, got)
			return
		}
		for key, value := range w {
			if _, skip := notInAccount[key]; !skip {
				c.same(path+"."+key, value, g[key])
			}
		}
	case []any:
		g, _ := got.([]any)
		if len(w) != len(g) {
			c.t.Errorf("%s: want %v, got %v", path, want, got)
			return
		}
		for i := range w {
			c.same(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
		}
	case string:
		if id, ok := c.ids[w]; ok && !strings.HasSuffix(path, ".description") {
			w = id
		}
		if w == somewhere {
			return
		}
		if diff := cmp.Diff(any(w), got); diff != "" && !aclNumber(w, got) {
			c.t.Errorf("%s (-template +account): %s", path, diff)
		}
	default:
		if want == false && got == nil || want == 0.0 && got == nil {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			c.t.Errorf("%s (-template +account): %s", path, diff)
		}
	}
}

// aclNumber reports whether both spell one protocol.
func aclNumber(want string, got any) bool {
	return map[string]string{"tcp": "6", "udp": "17"}[want] == got
}

// environments must name the same caches, and hold the same literals or none.
func (c comparison) environments(want, got *stack.Stack, wf, gf *stack.Function) {
	var names, others []string
	for _, cache := range want.CachesOf(wf) {
		if mentionsAddress(wf, cache.ID) {
			names = append(names, c.ids[cache.ID])
		}
	}
	for _, cache := range got.CachesOf(gf) {
		others = append(others, cache.ID)
	}
	slices.Sort(names)
	slices.Sort(others)
	if diff := cmp.Diff(names, others); diff != "" {
		c.t.Errorf("caches in the environment of %s (-template +account): %s", wf.ID, diff)
	}
	for name := range wf.Environment {
		if _, ok := gf.Environment[name]; !ok {
			c.t.Errorf("%s has no variable %s", wf.ID, name)
		}
	}
}

// mentionsAddress leaves references to a port or to a name alone out: in an
// account those are literals.
func mentionsAddress(f *stack.Function, cache string) bool {
	for _, text := range f.Environment {
		for _, p := range text {
			if p.Resource == cache && (p.Attribute == stack.EndpointAddress || p.Attribute == stack.ReaderAddress) {
				return true
			}
		}
	}
	return false
}

// pairIDs finds which ids belong together, by the order in each list. The
// writer keeps that order but for caches, which have names.
func pairIDs(t *testing.T, want, got *stack.Stack) map[string]string {
	t.Helper()
	ids := map[string]string{}
	pair := func(want, got any) {
		g := generic(t, got)
		for i, it := range generic(t, want) {
			if i < len(g) {
				ids[it.(map[string]any)["id"].(string)] = g[i].(map[string]any)["id"].(string)
			}
		}
	}
	for _, r := range want.Others {
		ids[r.ID] = somewhere
	}
	pair(want.VPCs, got.VPCs)
	pair(want.Subnets, got.Subnets)
	pair(want.SecurityGroups, got.SecurityGroups)
	pair(want.NetworkACLs, got.NetworkACLs)
	pair(want.RouteTables, got.RouteTables)
	pair(want.Endpoints, got.Endpoints)
	pair(want.Peerings, got.Peerings)
	for _, kind := range []stack.GatewayKind{stack.InternetGateway, stack.EgressOnlyGateway, stack.NATGateway} {
		pair(ofKind(want.Gateways, kind), ofKind(got.Gateways, kind))
	}
	pair(want.PrefixLists, got.PrefixLists)
	pair(want.Functions, got.Functions)
	for _, kind := range []stack.CacheKind{stack.ReplicationGroup, stack.CacheCluster, stack.Serverless} {
		of := func(s *stack.Stack) (caches []*stack.Cache) {
			for _, c := range s.Caches {
				if c.Kind == kind {
					caches = append(caches, c)
				}
			}
			return caches
		}
		pair(of(want), of(got))
	}
	return ids
}

func ofKind(all []*stack.Gateway, kind stack.GatewayKind) (of []*stack.Gateway) {
	for _, g := range all {
		if g.Kind == kind || kind == stack.NATGateway && g.Kind == stack.PrivateNATGateway {
			of = append(of, g)
		}
	}
	return of
}

func generic(t *testing.T, v any) []any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The snapshots of the scenarios are what the writer writes now.
func readScenario(t testing.TB, name string) *stack.Stack {
	t.Helper()
	path := filepath.Join(scenarios, name, "template.yaml")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	s, err := iac.ReadFile(path, iac.Options{StackName: "app", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	s.Region = "eu-west-1"
	return s
}
