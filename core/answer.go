package core

import (
	"context"
	"encoding/json"
	"errors"

	"meridian/api"
)

// Answer is what a call got: a status and JSON, of the value or of the problem.
type Answer struct {
	Status int
	Replay bool
	Body   []byte
}

// Answer answers one call as a server does, for callers in the same process. The call's own deadline is
// the context's.
func (s *Service) Answer(ctx context.Context, name string, c api.Call, body []byte) Answer {
	r, err := s.Serve(ctx, name, c, body)
	var raw []byte
	if err == nil {
		raw, err = r.json()
	}
	if err == nil {
		return Answer{Status: r.status, Replay: r.replay, Body: raw}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = outcomeUnknown()
	}
	e := api.AsError(err)
	raw, err = json.Marshal(e)
	if err != nil {
		raw = []byte(`{"code":"internal","status":500}`)
	}
	return Answer{Status: e.Status, Body: raw}
}
