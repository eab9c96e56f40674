package edge

import (
	"context"
	"strconv"

	"meridian/api"
	"meridian/web"
)

// ErrorPage renders a refusal in the shop's look; it is the server's Config.ErrorPage. It asks the
// core for nothing: the core may be what failed. The navigation is what was last seen.
func (s *Shop) ErrorPage(r *Request, e *api.Error) (contentType string, body []byte) {
	collections, _ := s.nav.get(r.Locale, s.cfg.Now())
	v := web.Problem{Layout: s.layout(r, e.Title, collections), Status: e.Status, Heading: e.Title, Text: sentence(e), RequestID: e.RequestID, Ways: errorWays(r, e)}
	v.NoIndex = true
	if v.RequestID == "" {
		v.RequestID = r.Call.RequestID
	}
	body, err := written(v.Render)
	if err != nil {
		s.cfg.Log.Error("error page not rendered", "error", err, "request_id", v.RequestID)
		return "text/plain; charset=utf-8", []byte(e.Title + ". " + e.Detail + "\n")
	}
	return typeHTML, body
}

// codeHelp says more about the codes that clients must act on.
func codeHelp(code api.Code) string {
	switch code {
	case api.CodeMalformed:
		return "The body or the address could not be read at all: it is not JSON, not CSV or not UTF-8. Correct it; the same request will fail again."
	case api.CodeInvalid:
		return "The request was read, but some fields are unknown, missing or out of range. The member errors names each field."
	case api.CodeOutOfStock:
		return "There is less in stock than was asked for. The member lines says how much of what is left. Nothing was charged."
	case api.CodeCartChanged:
		return "Lines or prices of the cart differ from the version that was sent. Read the cart, show it and send its version."
	case api.CodePaymentDeclined:
		return "The payment provider said no; decline_code says why. What was reserved is free again. Try another means of payment with a new Idempotency-Key."
	case api.CodeOutcomeUnknown:
		return "The answer did not come in time, so the outcome is not known. Repeat the request with the same Idempotency-Key: it will happen at most once."
	case api.CodeKeyReused:
		return "This Idempotency-Key was used for a request with another body. Make a new key for a new request."
	case api.CodeNoLeader, api.CodeOverloaded, api.CodePaymentUnavailable, api.CodeUnavailable, api.CodeRateLimited:
		return "Wait as long as Retry-After says and repeat the request, with the same Idempotency-Key where there was one."
	case api.CodeWaitingRoom:
		return "Others are before you. The member room names a waiting room: POST /api/v1/waiting-rooms/{room}/tickets gives you a place in it; send its ticket in the header Waiting-Ticket once GET /api/v1/waiting-rooms/{room} says that it is your turn."
	case api.CodePrecondition:
		return "The thing has changed since it was read. Read it again and decide anew."
	case api.CodeStockReserved:
		return "Orders that are being paid hold some of this stock. Try again when they are done, or leave enough for them."
	}
	return "The member detail of the answer says what happened and what to do next."
}

// codePage explains an error code; it is what the type of a problem document leads to.
func (s *Shop) codePage(ctx context.Context, r *Request) (*Answer, error) {
	code := api.Code(r.Params["code"])
	status, ok := api.Codes()[code]
	if !ok || code == api.CodeNotLeader {
		return nil, notFound("There is no error code of this name.")
	}
	t := s.public(r)
	collections, err := s.collections(ctx, t)
	if err != nil {
		return nil, err
	}
	e := api.NewError(code, "%s", codeHelp(code))
	v := web.Problem{Layout: s.layout(r, string(code), collections), Status: status, Heading: e.Title + " (" + string(code) + ", " + strconv.Itoa(status) + ")",
		Text: e.Detail, Ways: []web.Link{{Label: "Home", Href: "/"}, {Label: "The API's description", Href: "/openapi.json"}}}
	v.NoIndex = true
	a := t.answer()
	a.Tags = append(collectionTags(collections), api.TagContent)
	return page(a, 200, v)
}
