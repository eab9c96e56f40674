package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meridian/api"
	"meridian/internal/flagenv"
)

// TestMembersWithoutALeader: what a core knows by itself is shown, and the command fails with what to do.
func TestMembersWithoutALeader(t *testing.T) {
	view := api.Cluster{SeenBy: "core-1", Voters: 3, LiveVoters: 1, Quorum: 2, Members: []api.Member{
		{ID: "core-1", Role: "voter", Healthy: true, AppliedIndex: 70, LagMS: -1}, {ID: "core-2", Role: "voter", LagMS: -1}, {ID: "core-3", Role: "voter", LagMS: -1}}}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(view) }))
	defer shop.Close()
	ask := func() error {
		return run(context.Background(), []string{"members", "--shop", shop.URL, "--token", "t"})
	}
	err := ask()
	if flagenv.ExitCode(err) != flagenv.ExitFailed || !strings.Contains(err.Error(), "no leader: 1 of 3 voters answer core-1, and a majority of 2 is needed") || !strings.Contains(err.Error(), "Start core-2 or core-3 again") {
		t.Error(err)
	}
	var table bytes.Buffer
	printMembers(&table, view)
	if lines := strings.Split(table.String(), "\n"); !strings.Contains(lines[1], "was asked") || !strings.Contains(lines[2], "DOES NOT ANSWER") || strings.Contains(lines[2], "-1") {
		t.Errorf("\n%s", table.String())
	}
	view.LiveVoters, view.Members[1].Healthy = 2, true
	if err := ask(); err == nil || !strings.Contains(err.Error(), "An election may be under way") {
		t.Error(err)
	}
	view.Leader = "core-2"
	if err := ask(); err == nil || !strings.Contains(err.Error(), "the leader does not answer this edge") {
		t.Error(err)
	}
	view.SeenBy = ""
	if err := ask(); err != nil {
		t.Error(err)
	}
}
