package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meridian/api"
	"meridian/api/coreclient"
)

// TestTablesNeverGoBack: who has been told of a table asks from there on, so that a core that lags cannot tell of the one before.
func TestTablesNeverGoBack(t *testing.T) {
	var asked []string
	index := api.Index{Timeline: 1, Raft: 7}
	core := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/recommendations.") {
			asked = append(asked, r.Header.Get(api.HeaderMin))
		}
		w.Header().Set(api.HeaderIndex, index.String())
		_ = json.NewEncoder(w).Encode(api.RecommendationTable{Version: "v1"})
	}))
	defer core.Close()
	client, err := coreclient.New(coreclient.Config{Nodes: []coreclient.Node{{ID: "core-1", Region: "eu", Addr: strings.TrimPrefix(core.URL, "http://")}},
		Region: "eu", Token: "t", Edge: "edge-1", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	own := &tables{cores: client, edge: "edge-1"}
	if v, err := own.Table(t.Context()); err != nil || v.Version != "v1" {
		t.Fatalf("%+v, %v", v, err)
	}
	index.Raft = 9
	if _, err := own.Publish(t.Context(), api.PublishTable{Version: "v2"}); err != nil {
		t.Fatal(err)
	}
	index.Raft = 8 // it lags, and says so
	if v, err := own.Table(t.Context()); err == nil {
		t.Errorf("a core that lags is believed: %+v", v)
	}
	if len(asked) < 3 || !strings.HasSuffix(asked[1], "7") || !strings.HasSuffix(asked[2], "9") {
		t.Errorf("asked from %q on", asked)
	}
}
