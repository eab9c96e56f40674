package edge

import (
	"context"
	"strconv"

	"meridian/api"
)

// The bodies of what consumers of the outbox send.
type (
	consumerBody struct {
		From string `json:"from,omitempty"`
	}
	ackBody struct {
		Consumer string `json:"consumer"`
		Slice    int64  `json:"slice"`
	}
)

func (s *Shop) outboxOperations() []operation {
	const outbox = "/admin/api/v1/outbox"
	both := []string{roleMerchandiser, roleOperator}
	return []operation{
		{Route: Route{Method: "GET", Pattern: outbox, Class: Staff, Query: []string{"consumer", "limit"}, Handler: s.readOutbox},
			ID: "readOutbox", Roles: both, Summary: "The oldest entries that a consumer has not acknowledged; the same ones until it does", Result: api.OutboxPage{}},
		{Route: Route{Method: "POST", Pattern: outbox + "/ack", Class: Staff, MaxBody: staffBodyMax, Handler: s.ackOutbox},
			ID: "ackOutbox", Roles: both, Summary: "A consumer is done with a slice; saying it again changes nothing", Body: ackBody{}, Result: api.OutboxConsumer{}},
		{Route: Route{Method: "GET", Pattern: outbox + "/consumers", Class: Staff, Handler: s.outboxConsumers},
			ID: "listOutboxConsumers", Roles: both, Summary: "Who reads the outbox and how far each one is", Result: api.List[api.OutboxConsumer]{}},
		{Route: Route{Method: "PUT", Pattern: outbox + "/consumers/{handle}", Class: Staff, MaxBody: staffBodyMax, Handler: s.joinOutbox},
			ID: "joinOutbox", Roles: both, Summary: "Make a consumer, from the oldest entry that is kept or from now; one that is there stays where it is", Body: consumerBody{}, Result: api.OutboxConsumer{}, Refusals: []api.Code{api.CodeConflict}},
		{Route: Route{Method: "DELETE", Pattern: outbox + "/consumers/{handle}", Class: Staff, Handler: s.leaveOutbox},
			ID: "leaveOutbox", Roles: both, Summary: "Forget a consumer; entries are no longer kept for it", Status: 204},
	}
}

func (s *Shop) readOutbox(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := api.OutboxAsk{Consumer: p.handle("consumer")}
	if v := p.one("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 || v[0] == '+' {
			p.fail("limit", "must be a whole number from 1 to 1000")
		}
		q.Limit = n
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OutboxRead, q)
}

func (s *Shop) ackOutbox(ctx context.Context, r *Request) (*Answer, error) {
	var body ackBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if body.Slice < 0 {
		return nil, api.Invalid("slice", "must be the slice of a page that you have read")
	}
	return askStaff(ctx, s, r, api.OutboxConfirm, api.OutboxAck{Consumer: body.Consumer, Slice: uint64(body.Slice)})
}

func (s *Shop) outboxConsumers(ctx context.Context, r *Request) (*Answer, error) {
	return askStaff(ctx, s, r, api.OutboxConsumers, api.None{})
}

func (s *Shop) joinOutbox(ctx context.Context, r *Request) (*Answer, error) {
	name, err := handleToWrite(r)
	if err != nil {
		return nil, err
	}
	var body consumerBody
	if err := decodeOptional(r.Body, &body); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.OutboxJoin, api.OutboxConsumer{Name: name, From: body.From})
}

func (s *Shop) leaveOutbox(ctx context.Context, r *Request) (*Answer, error) {
	name, err := handleToWrite(r)
	if err != nil {
		return nil, err
	}
	t := s.staff(r)
	if _, err := ask(ctx, t, api.OutboxLeave, api.OutboxConsumer{Name: name}); err != nil {
		return t.refused(err)
	}
	return nothing(t.answer())
}
