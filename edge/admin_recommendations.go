package edge

import (
	"context"

	"meridian/api"
)

// recommendationState is what staff see of the recommendations.
type recommendationState struct {
	// Newest is the table that every edge is to serve.
	Newest api.RecommendationTable `json:"newest"`
	// Serving is the version that this edge serves; "": what is popular.
	Serving string `json:"serving"`
	// Making says that this edge makes the next one, and Problem why the last one that it was to make was not made.
	Making  bool   `json:"making"`
	Problem string `json:"problem"`
}

func (s *Shop) recommendationOperations() []operation {
	const path = "/admin/api/v1/recommendations"
	return []operation{
		{Route: Route{Method: "GET", Pattern: path, Class: Staff, Handler: s.seeRecommendations},
			ID: "getRecommendationState", Roles: []string{roleMerchandiser, roleOperator}, Summary: "The newest table of recommendations, and what this edge does", Result: recommendationState{}},
		{Route: Route{Method: "POST", Pattern: path, Class: Staff, MaxBody: staffBodyMax, Handler: s.makeRecommendations},
			ID: "makeRecommendations", Roles: []string{roleMerchandiser, roleOperator}, Summary: "Make the next table of recommendations now; GET says when it is there", Result: recommendationState{}, Status: 202,
			Refusals: []api.Code{api.CodeUnavailable}},
	}
}

func (s *Shop) seeRecommendations(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	if _, err := s.require(ctx, t, ""); err != nil {
		return nil, err
	}
	return s.recommendationState(ctx, t, 200)
}

func (s *Shop) recommendationState(ctx context.Context, t *trip, status int) (*Answer, error) {
	newest, err := ask(ctx, t, api.RecommendationsGet, api.None{})
	if err != nil {
		return t.refused(err)
	}
	v := recommendationState{Newest: newest}
	if s.cfg.Recommendations != nil {
		state := s.cfg.Recommendations.State()
		v.Serving, v.Making, v.Problem = state.Version, state.Making, state.Problem
	}
	return reply(t.answer(), status, v)
}

func (s *Shop) makeRecommendations(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	if _, err := s.require(ctx, t, ""); err != nil {
		return nil, err
	}
	if s.cfg.Recommendations == nil || s.cfg.Recommendations.Demand() != nil {
		return nil, api.NewError(api.CodeUnavailable, "This edge makes no recommendations: it needs --clickhouse-url and --s3-endpoint. Ask another one.")
	}
	return s.recommendationState(ctx, t, 202)
}
