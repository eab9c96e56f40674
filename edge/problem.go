package edge

import (
	"encoding/json"

	"meridian/api"
)

const problemType = "application/problem+json"

// refusal renders an error as the client wants it: a page of the shop or a problem document.
func (s *Server) refusal(r *Request, e *api.Error) (contentType string, body []byte) {
	told := *e
	told.RequestID = r.Call.RequestID
	if r.HTML && s.cfg.ErrorPage != nil {
		if ct, page := s.cfg.ErrorPage(r, &told); len(page) > 0 {
			return ct, page
		}
	}
	return problemType, problemJSON(&told)
}

func problemJSON(e *api.Error) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		// Strings and integers always encode; a document without them is still a true one.
		return []byte(`{"type":"/errors/internal","title":"Something went wrong on our side","status":500,"code":"internal"}`)
	}
	return b
}

// tooManyHeaders and tooSlow have a status of their own and share a code with a neighbour.
func tooManyHeaders() *api.Error {
	e := api.NewError(api.CodeTooLarge, "The headers are larger than 16 KiB. Clear this site's cookies and try again.")
	e.Status, e.Title = 431, "Headers too large"
	return e
}

func tooSlow() *api.Error {
	e := api.NewError(api.CodeMalformed, "The request did not arrive in time.")
	e.Status, e.Title = 408, "The request took too long to arrive"
	return e
}

func tooLarge(limit int) *api.Error {
	if limit == 0 {
		return api.NewError(api.CodeTooLarge, "This request takes no body.")
	}
	return api.NewError(api.CodeTooLarge, "The body may have at most %d bytes.", limit)
}
