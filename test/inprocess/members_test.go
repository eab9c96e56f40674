package inprocess

import (
	"strings"
	"testing"

	"meridian/api"
	"meridian/internal/cluster"
	"meridian/test/scenario"
)

// TestMembersWithoutAMajority loses two of three cores: an operator still sees who is left, and who cannot be reached.
func TestMembersWithoutAMajority(t *testing.T) {
	t.Parallel()
	c, s := start(t, cluster.Options{})
	c.StopCore(1)
	c.StopCore(2)
	var v api.Cluster
	cluster.Eventually(t, "a view without a leader", func() bool {
		v = api.Cluster{}
		_, err := s.Do(t.Context(), scenario.Request{Method: "GET", URL: s.Edge(0) + "/admin/api/v1/cluster", Token: s.Operator}, &v)
		return err == nil && v.Leader == ""
	})
	if v.SeenBy != "core-eu" || v.LiveVoters != 1 || v.Voters != 3 || v.Quorum != 2 || len(v.Members) != 3 {
		t.Errorf("%+v", v)
	}
	for _, m := range v.Members {
		if m.Healthy != (m.ID == "core-eu") || (m.AppliedIndex > 0) != (m.ID == "core-eu") {
			t.Errorf("%+v", m)
		}
	}
	_, err := s.Do(t.Context(), scenario.Request{Method: "GET", URL: s.Edge(0) + "/admin/api/v1/cluster", Token: s.Staff}, nil)
	if api.CodeOf(err) != api.CodeForbidden {
		t.Errorf("a merchandiser sees the cluster: %v", err)
	}
	var page scenario.Response
	if page, err = s.Do(t.Context(), scenario.Request{Method: "GET", URL: s.Edge(0) + "/admin/operations", Token: s.Operator}, nil); err != nil || !strings.Contains(string(page.Body), "as core-eu sees them") {
		t.Errorf("%v\n%s", err, page.Body)
	}
}
