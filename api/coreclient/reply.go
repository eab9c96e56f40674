package coreclient

import (
	"encoding/json"
	"fmt"
	"time"

	"meridian/api"
)

// outgoing is one call on its way.
type outgoing struct {
	name string
	kind api.Kind
	slow bool
	call api.Call
	body []byte
	// compact, when set, is the request for frames.
	compact api.Compact
	// form, when set, is the body's media type in the place of JSON.
	form string
	// limit, when set, bounds one attempt at a node of this region.
	limit time.Duration
}

// reply is what one node said to one call.
type reply struct {
	status int
	index  api.Index
	replay bool
	leader string
	body   []byte
	// compact: the body is in the compact form.
	compact bool
}

// problem reads the problem document of a refused call.
func (r reply) problem(requestID string) *api.Error {
	e := &api.Error{}
	if err := json.Unmarshal(r.body, e); err != nil || e.Code == "" {
		if err == nil {
			err = fmt.Errorf("no code in %.200q", r.body)
		}
		return api.Internal(fmt.Errorf("core answered %d without a problem document: %w", r.status, err))
	}
	// The status of the wire decides, so that a document cannot pass for a success.
	e.Status = r.status
	if requestID != "" {
		e.RequestID = requestID
	}
	return e
}

// behind reports whether the answer is from before min. One that says no index is taken at its word:
// cores do not answer before they reached min. A later timeline is after everything of earlier ones.
func (r reply) behind(min api.Index) bool {
	return !r.index.IsZero() && !min.IsZero() && api.Max(r.index, min) != r.index
}

// code is the problem's code, or "" for an answer that is none.
func (r reply) code() api.Code {
	if r.status < 400 {
		return ""
	}
	return r.problem("").Code
}
