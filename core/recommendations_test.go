package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"meridian/api"
)

func table(n int, after string) api.PublishTable {
	version := fmt.Sprintf("v%d", n)
	return api.PublishTable{Version: version, Key: "recommendations/" + version, Items: 10, Pairs: 100, Edge: "edge-1", After: after}
}

// TestTablesFollowOneAnother: of two tables made at the same time one wins, repeats change nothing, and the files of old ones are named once they
// are not needed.
func TestTablesFollowOneAnother(t *testing.T) {
	s := newShop(t)
	newest := func() api.RecommendationTable { return get(s, api.RecommendationsGet, api.None{}, api.Call{}) }
	if v := newest(); v.Version != "" || v.MadeAt != "" || v.Gone == nil {
		t.Errorf("a shop without a table: %+v", v)
	}
	publish := func(req api.PublishTable) api.RecommendationTable {
		t.Helper()
		return get(s, api.RecommendationsPublish, req, api.Call{})
	}
	if v := publish(table(1, "")); v.Version != "v1" || v.MadeBy != "edge-1" || v.MadeAt == "" || len(v.Gone) != 0 {
		t.Errorf("%+v", v)
	}
	for i := range 2 {
		if v := publish(table(1, "")); v.Version != "v1" {
			t.Errorf("repeat %d: %+v", i, v)
		}
	}
	refused(s, api.CodeConflict, api.RecommendationsPublish, table(2, ""), api.Call{}) // somebody was faster
	for i := 2; i <= 5; i++ {
		v := publish(table(i, fmt.Sprintf("v%d", i-1)))
		want := []string{}
		if i > 3 {
			want = []string{fmt.Sprintf("recommendations/v%d", i-3)}
		}
		if !slices.Equal(v.Gone, want) {
			t.Errorf("after v%d, %v are gone, want %v", i, v.Gone, want)
		}
	}
	refused(s, api.CodeConflict, api.RecommendationsPublish, table(4, "v5"), api.Call{}) // an old one comes again
	if v := newest(); v.Version != "v5" || v.Key != "recommendations/v5" {
		t.Errorf("%+v", v)
	}
}

func TestTablesAreChecked(t *testing.T) {
	s := newShop(t)
	for field, change := range map[string]func(*api.PublishTable){
		"version": func(p *api.PublishTable) { p.Version = strings.Repeat("v", 65) },
		"after":   func(p *api.PublishTable) { p.After = "a b" },
		"key":     func(p *api.PublishTable) { p.Key = "recommendations/../orders" },
		"edge":    func(p *api.PublishTable) { p.Edge = "" },
		"items":   func(p *api.PublishTable) { p.Items = 0 },
	} {
		req := table(1, "")
		change(&req)
		e := refused(s, api.CodeInvalid, api.RecommendationsPublish, req, api.Call{})
		if !slices.ContainsFunc(e.Errors, func(f api.FieldError) bool { return f.Field == field }) {
			t.Errorf("%s: %+v", field, e)
		}
	}
}
