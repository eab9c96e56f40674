package edge

import (
	"context"

	"meridian/api"
)

// adjustBody is the body of POST /stock/{sku}/adjust.
type adjustBody struct {
	Delta    *int64 `json:"delta"`
	Reason   string `json:"reason,omitempty"`
	Location string `json:"location,omitempty"`
}

// stockBody is the body of PUT /stock/{sku}.
type stockBody struct {
	OnHand   *int64 `json:"on_hand"`
	Location string `json:"location,omitempty"`
}

// maxStock bounds a stock figure, so that sums of them stay far from overflow.
const maxStock = 1_000_000_000

func (s *Shop) staffStockOperations() []operation {
	const stock = "/admin/api/v1/stock/{sku}"
	return []operation{
		{Route: Route{Method: "GET", Pattern: stock, Class: Staff, Query: []string{"location"}, Handler: s.stock},
			ID: "getStock", Summary: "The stock of a SKU at a location, main unless it says otherwise, and at all of them; its ETag is for If-Match", Result: api.StockView{}},
		{Route: Route{Method: "POST", Pattern: stock + "/adjust", Class: Staff, MaxBody: staffBodyMax, NeedKey: true, Handler: s.adjustStock},
			ID: "adjustStock", Summary: "Add to what is on hand, or take from it", Body: adjustBody{}, Result: api.StockLevel{}, Refusals: []api.Code{api.CodeStockReserved}},
		{Route: Route{Method: "POST", Pattern: "/admin/api/v1/stock/feed", Class: Staff, MaxBody: feedBodyMax, Timeout: payTimeout, Handler: s.feedStock},
			ID: "feedStock", Summary: "Absolute counts from a warehouse's software; late and repeated messages are harmless", Body: api.StockFeed{}, Result: api.StockFeedResult{}},
		{Route: Route{Method: "PUT", Pattern: stock, Class: Staff, MaxBody: staffBodyMax, NeedKey: true, Handler: s.setStock},
			ID: "setStock", Summary: "Set what is on hand", Body: stockBody{}, Result: api.StockLevel{}, Refusals: []api.Code{api.CodeStockReserved, api.CodePrecondition}},
	}
}

func (s *Shop) stock(ctx context.Context, r *Request) (*Answer, error) {
	sku, err := skuParam(r)
	if err != nil {
		return nil, err
	}
	p := params{query: r.Query}
	location := p.handle("location")
	if err := p.err(); err != nil {
		return nil, err
	}
	t := s.staff(r)
	view, err := ask(ctx, t, api.StockViewGet, api.StockQuery{SKU: sku, Location: location})
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	withETag(a, view.Index)
	return reply(a, 200, view)
}

func (s *Shop) adjustStock(ctx context.Context, r *Request) (*Answer, error) {
	sku, err := skuParam(r)
	if err != nil {
		return nil, err
	}
	var body adjustBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if body.Delta == nil {
		return nil, api.Invalid("delta", "is missing")
	}
	if *body.Delta < -maxStock || *body.Delta > maxStock {
		return nil, api.Invalid("delta", "must be from -%d to %d", maxStock, maxStock)
	}
	if err := checkStockNames(body.Location, body.Reason); err != nil {
		return nil, err
	}
	return s.answerStock(r, func(t *trip) (api.StockLevel, error) {
		return ask(ctx, t, api.StockAdjust, api.AdjustStock{SKU: sku, Location: body.Location, Delta: *body.Delta, Reason: body.Reason})
	})
}

// feedBodyMax holds the largest message with room to spare.
const feedBodyMax = 1 << 20

func (s *Shop) feedStock(ctx context.Context, r *Request) (*Answer, error) {
	var body api.StockFeed
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.StockFeedPost, body)
}

func (s *Shop) setStock(ctx context.Context, r *Request) (*Answer, error) {
	sku, err := skuParam(r)
	if err != nil {
		return nil, err
	}
	match, err := ifMatch(r.IfMatch)
	if err != nil {
		return nil, err
	}
	var body stockBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if body.OnHand == nil {
		return nil, api.Invalid("on_hand", "is missing")
	}
	if *body.OnHand < 0 || *body.OnHand > maxStock {
		return nil, api.Invalid("on_hand", "must be from 0 to %d", maxStock)
	}
	if err := checkStockNames(body.Location, ""); err != nil {
		return nil, err
	}
	return s.answerStock(r, func(t *trip) (api.StockLevel, error) {
		return ask(ctx, t, api.StockSet, api.SetStock{SKU: sku, Location: body.Location, OnHand: *body.OnHand, IfMatch: match})
	})
}

func checkStockNames(location, reason string) error {
	if location != "" && !validHandle(location) {
		return api.Invalid("location", "must be 1 to 128 of a-z, 0-9 and -")
	}
	if len(reason) > 500 {
		return api.Invalid("reason", "must be at most 500 bytes long")
	}
	return nil
}

func (s *Shop) answerStock(r *Request, get func(*trip) (api.StockLevel, error)) (*Answer, error) {
	t := s.staff(r)
	level, err := get(t)
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	withETag(a, level.Index)
	return reply(a, 200, level)
}
