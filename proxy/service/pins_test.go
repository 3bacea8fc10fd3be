package service

import (
	"encoding/json"
	"fmt"
	"testing"
)

func (r *running) pins(t *testing.T) map[string]PinUse {
	t.Helper()
	_, text := r.get(t, "/pins")
	var doc Pins
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	uses := map[string]PinUse{}
	for _, u := range doc.Pins {
		uses[fmt.Sprintf("%s %s %s %s", u.Reason, u.Command, u.Library, u.Client)] = u
	}
	return uses
}

// /pins says which command of which library and client has pinned, how often, how
// long, and who does now.
func TestPins(t *testing.T) {
	r := start(t, "", base(newRecorder(t)))
	nc := dial(t, r.Addresses()[0])
	for _, line := range []string{"CLIENT SETNAME orders", "CLIENT SETINFO lib-name valkey", "BLPOP q 1", "BLPOP q 1", "NOSUCHCOMMAND", "WATCH k"} {
		if got := ask(t, nc, line); got != "+OK" {
			t.Fatalf("%s: %s", line, got)
		}
	}
	ask(t, dial(t, r.Addresses()[0]), "BLPOP q 1")
	uses := r.pins(t)
	for kind, want := range map[string][2]int{
		"blocking blpop valkey orders":          {2, 0},
		"unknown_command unknown valkey orders": {1, 0},
		"watch watch valkey orders":             {1, 1},
		"blocking blpop  ":                      {1, 0},
	} {
		u := uses[kind]
		if int(u.Count) != want[0] || u.Now != want[1] {
			t.Errorf("%s: %d times, %d now, want %v; have %v", kind, u.Count, u.Now, want, uses)
		}
	}
	before := uses["watch watch valkey orders"].Seconds
	eventually(t, "the time of a pin that lasts grows", func() bool { return r.pins(t)["watch watch valkey orders"].Seconds > before })
	if got := ask(t, nc, "UNWATCH"); got != "+OK" {
		t.Error(got)
	}
	eventually(t, "nobody pins", func() bool { return r.pins(t)["watch watch valkey orders"].Now == 0 })
}

// Clients choose their names, so what is remembered of them is bounded; their pins
// are counted all the same.
func TestPinsAreBounded(t *testing.T) {
	r := start(t, "", base(newRecorder(t)))
	nc := dial(t, r.Addresses()[0])
	const clients = 600
	for i := range clients {
		ask(t, nc, fmt.Sprintf("CLIENT SETNAME client-%d", i))
		ask(t, nc, "BLPOP q 1")
	}
	uses, total := r.pins(t), uint64(0)
	for _, u := range uses {
		total += u.Count
	}
	if total != clients || len(uses) > 520 {
		t.Errorf("%d pins of %d kinds", total, len(uses))
	}
}
