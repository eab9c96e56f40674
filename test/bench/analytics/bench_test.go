package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/api"
	"meridian/internal/flagenv"
)

func TestBadSettingsNameTheFlag(t *testing.T) {
	for _, args := range []string{"--rounds 0", "--seconds 601", "--callers 0", "--events 101", "--clicks 0"} {
		if _, err := parse(strings.Fields(args)); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), strings.Fields(args)[0]) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestIdsAreNew: no two events that are sent have one id, since the edge would drop the second.
func TestIdsAreNew(t *testing.T) {
	seen := map[string]bool{}
	for caller := range 3 {
		b, err := newBatch(50, caller)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(20) {
			b.renew(uint32(caller), n)
			var sent api.EventBatch
			if err := json.Unmarshal(b.body, &sent); err != nil {
				t.Fatal(err)
			}
			for _, e := range sent.Events {
				if id, err := uuid.Parse(e.ID); err != nil || id.Version() != 7 || seen[e.ID] {
					t.Fatalf("%s: %v, again %v", e.ID, err, seen[e.ID])
				}
				seen[e.ID] = true
			}
		}
	}
}

func TestLines(t *testing.T) {
	if lines(nil) != nil {
		t.Error("lines of nothing")
	}
	all := lines([]figures{{core: 40_000, p99: 6}, {core: 60_000, p99: 4}, {core: 70_000, p99: 3}})
	if all[0].Value != 60_000 || all[0].Verdict() != "ok" || all[3].Value != 4 || all[3].Verdict() != "ok" || all[4].Verdict() != "SHORT" {
		t.Errorf("%+v", all)
	}
}
