package edge

import (
	"context"
	"strings"
	"time"

	"meridian/api"
)

// The bodies of what operators send.
type (
	memberBody struct {
		ID         string `json:"id"`
		Address    string `json:"address,omitempty"`
		Role       string `json:"role,omitempty"`
		Region     string `json:"region,omitempty"`
		APIAddress string `json:"api_address,omitempty"`
	}
	leaderBody struct {
		ID string `json:"id"`
	}
	purgeBody struct {
		Tags []string `json:"tags,omitempty"`
		// Paths are addresses such as /products/mug: what is kept of them goes, with every query.
		Paths []string `json:"paths,omitempty"`
		All   bool     `json:"all,omitempty"`
		Soft  bool     `json:"soft,omitempty"`
	}
)

const maxPurgeTags = 1000

// leadTime bounds the wait for a new leader, leadPoll is how often it is asked for.
const (
	leadTime = 5 * time.Second
	leadPoll = 50 * time.Millisecond
)

func (s *Shop) clusterOperations() []operation {
	const cluster = "/admin/api/v1/cluster"
	return []operation{
		{Route: Route{Method: "GET", Pattern: cluster, Class: Staff, Timeout: payTimeout, Handler: s.cluster},
			ID: "getCluster", Roles: []string{roleOperator}, Summary: "The core cluster and its live edges; without a leader, as the core named in seen_by sees it", Result: api.Cluster{}},
		{Route: Route{Method: "POST", Pattern: cluster + "/members", Class: Staff, MaxBody: staffBodyMax, Timeout: payTimeout, Handler: s.joinCluster},
			ID: "addMember", Roles: []string{roleOperator}, Summary: "Add a member as a learner, or change a member's role", Body: memberBody{}, Result: api.Cluster{}},
		{Route: Route{Method: "DELETE", Pattern: cluster + "/members/{id}", Class: Staff, Timeout: payTimeout, Handler: s.leaveCluster},
			ID: "removeMember", Roles: []string{roleOperator}, Summary: "Remove a learner; a voter is made one first", Result: api.Cluster{}},
		{Route: Route{Method: "POST", Pattern: cluster + "/leader", Class: Staff, MaxBody: staffBodyMax, Timeout: payTimeout, Handler: s.leadCluster},
			ID: "moveLeader", Roles: []string{roleOperator}, Summary: "Hand leadership to a member", Body: leaderBody{}, Result: api.Cluster{}},
		{Route: Route{Method: "POST", Pattern: "/admin/api/v1/cache/purge", Class: Staff, MaxBody: productBodyMax, Timeout: payTimeout, Handler: s.purge},
			ID: "purge", Roles: []string{roleOperator, roleMerchandiser}, Summary: "Purge cached answers by tag, by path, or all; answers when every live edge has applied it", Body: purgeBody{}, Result: api.PurgeResult{}},
	}
}

func (s *Shop) cluster(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	c, err := seeCluster(ctx, t)
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 200, c)
}

// seeCluster asks the leader. Where none answers it asks any core for its own view: an operator needs the members most
// when they cannot decide.
func seeCluster(ctx context.Context, t *trip) (api.Cluster, error) {
	c, err := ask(ctx, t, api.ClusterGet, api.None{})
	if code := api.CodeOf(err); code == api.CodeNoLeader || code == api.CodeUnavailable || code == api.CodeOutcomeUnknown {
		seen, err := ask(ctx, t, api.ClusterSeen, api.None{})
		if code := api.CodeOf(err); err == nil || code == api.CodeForbidden || code == api.CodeUnauthorized {
			return seen, err
		}
	}
	return c, err
}

func (s *Shop) joinCluster(ctx context.Context, r *Request) (*Answer, error) {
	var body memberBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if err := checkMember(body.ID); err != nil {
		return nil, err
	}
	if body.Role != "" && body.Role != "voter" && body.Role != "learner" {
		return nil, api.Invalid("role", "must be voter or learner")
	}
	return askStaff(ctx, s, r, api.ClusterJoin, api.MemberChange{ID: body.ID, Address: body.Address, Role: body.Role, Region: body.Region, APIAddress: body.APIAddress})
}

func (s *Shop) leaveCluster(ctx context.Context, r *Request) (*Answer, error) {
	id := r.Params["id"]
	if err := checkMember(id); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.ClusterRemove, api.MemberChange{ID: id})
}

func (s *Shop) leadCluster(ctx context.Context, r *Request) (*Answer, error) {
	var body leaderBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if err := checkMember(body.ID); err != nil {
		return nil, err
	}
	t := s.staff(r)
	c, err := ask(ctx, t, api.ClusterLead, api.MemberChange{ID: body.ID})
	if err != nil {
		return t.refused(err)
	}
	// The old leader has handed over; the answer says who leads once the new one does.
	wait, cancel := context.WithTimeout(ctx, leadTime)
	defer cancel()
	for c.Leader != body.ID || c.Timeline == 0 {
		select {
		case <-wait.Done():
			return reply(t.answer(), 200, c)
		case <-time.After(leadPoll):
		}
		if now, err := ask(wait, t, api.ClusterGet, api.None{}); err == nil {
			c = now
		}
	}
	return reply(t.answer(), 200, c)
}

func checkMember(id string) error {
	if !validHandle(id) {
		return api.Invalid("id", "must be the id of a member, such as core-eu")
	}
	return nil
}

func (s *Shop) purge(ctx context.Context, r *Request) (*Answer, error) {
	var body purgeBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if len(body.Tags)+len(body.Paths) == 0 && !body.All {
		return nil, api.Invalid("tags", "must name at least one tag, or paths one path, or all must be true")
	}
	if len(body.Tags)+len(body.Paths) > maxPurgeTags {
		return nil, api.Invalid("tags", "tags and paths must hold at most %d together", maxPurgeTags)
	}
	for _, tag := range body.Tags {
		if !purgeable(tag) {
			return nil, api.Invalid("tags", "must hold product:HANDLE, collection:HANDLE, catalogue or content, and not %q", tag)
		}
	}
	tags := body.Tags
	for _, path := range body.Paths {
		at, err := parseTarget([]byte(path))
		if err != nil || at.collapse != "" || len(at.query) > 0 || strings.Contains(path, "*") {
			return nil, api.Invalid("paths", "must hold paths as they stand in an address, without a query and without stars, such as /products/mug")
		}
		tags = append(tags, pathTag(at.path))
	}
	return askStaff(ctx, s, r, api.CachePurge, api.Purge{Tags: tags, All: body.All, Soft: body.Soft})
}

// purgeable reports whether answers may have a tag; those of paths are made of paths.
func purgeable(tag string) bool {
	kind, handle, _ := strings.Cut(tag, ":")
	switch kind {
	case "product", "collection":
		return validHandle(handle)
	}
	return tag == api.TagCatalogue || tag == api.TagContent
}
