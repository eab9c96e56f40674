package core

import (
	"context"
	"fmt"

	"meridian/api"
)

const (
	// maxTrace is the most bytes of an identifier of a visitor or a session.
	maxTrace = 128
	// maxJarOrders is more than the orders that a browser's jar holds.
	maxJarOrders = 100
	// scanOrders is how many orders are looked at while the tables are locked.
	scanOrders = 500
	// maxTracedOrders is the most orders that one visitor is followed to.
	maxTracedOrders = 1000
	// maxErasurePage is the most records of an answer.
	maxErasurePage = 500
)

// eraseTraces checks what a browser's jar holds, and hashes it: the log is told no identifiers.
func (s *Service) eraseTraces(req api.Traces) (eraseTracesCmd, error) {
	var f fields
	f.text("visitor", req.Visitor, maxTrace, false)
	f.text("session", req.Session, maxTrace, false)
	f.text("tab", req.Tab, maxTrace, false)
	if len(req.Orders) > maxJarOrders {
		f.add("orders", "At most %d orders.", maxJarOrders)
	}
	if len(f) > 0 {
		return eraseTracesCmd{}, api.InvalidFields(f)
	}
	return eraseTracesCmd{Orders: req.Orders, Traces: addTraces(nil, req.Visitor, req.Session, req.Tab)}, nil
}

// tracesErase needs no idempotency key: what was erased stays erased.
func (s *Service) tracesErase(ctx context.Context, _ *call, req api.Traces) (reply, error) {
	cmd, err := s.eraseTraces(req)
	if err != nil || len(cmd.Traces)+len(cmd.Orders) == 0 {
		return reply{value: api.None{}, status: 200, index: s.m.Index()}, err
	}
	cmd.Anyone = true
	return s.propose(ctx, cmdEraseTraces, keying{}, cmd)
}

// tracesStaff erases for a person who asked by other ways. All orders are looked at, since nothing leads from a visitor to theirs.
func (s *Service) tracesStaff(ctx context.Context, c *call, req api.StaffErase) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	if (req.Order == "") == (req.Visitor == "") {
		return reply{}, api.Invalid("order", "Give the number of an order, or the id of a visitor.")
	}
	var f fields
	f.text("visitor", req.Visitor, maxTrace, false)
	if len(f) > 0 {
		return reply{}, api.InvalidFields(f)
	}
	visitor, session, cmd := req.Visitor, "", eraseTracesCmd{}
	if req.Order != "" {
		o, err := s.orderOf(req.Order)
		if err != nil {
			return reply{}, err
		}
		visitor, session = o.Visitor, o.Session
	}
	cmd.Traces = addTraces(nil, visitor, session)
	out := api.ErasedTraces{Orders: []string{}}
	if len(cmd.Traces) == 0 { // erased before
		return reply{value: out, status: 200, index: s.m.Index()}, nil
	}
	cmd.Orders, out.Orders = s.tracedTo(ctx, visitor, session)
	if err := ctx.Err(); err != nil {
		return reply{}, api.NewError(api.CodeOverloaded, "Looking through the orders took too long. Try again.").WithCause(err)
	}
	s.slog.Info("traces erased for a person", "staff", c.staff.Email, "order", req.Order, "orders", len(out.Orders))
	r, err := s.propose(ctx, cmdEraseTraces, keying{}, cmd)
	if err != nil {
		return r, err
	}
	r.value, r.raw = out, nil
	return r, nil
}

// orderOf finds an order by the number that people know.
func (s *Service) orderOf(number string) (o orderRec, err error) {
	found := false
	s.m.db.View(func() {
		n, ok := countOf(number)
		id, known := s.m.orderSeq.Get(fmt.Sprintf("%016d", n))
		if ok && known {
			o, found = s.m.orders.Get(id)
			found = found && orderNumber(o) == number
		}
	})
	if !found {
		return o, noOrder()
	}
	return o, nil
}

// tracedTo finds the orders that name a visitor or a session, some at a time, so that others may write between.
func (s *Service) tracedTo(ctx context.Context, visitor, session string) (ids, numbers []string) {
	for last, seen := "", scanOrders; seen == scanOrders && ctx.Err() == nil; {
		seen = 0
		s.m.db.View(func() {
			s.m.orders.Ascend(last, func(id string, o orderRec) bool {
				if id == last {
					return true
				}
				if seen == scanOrders {
					return false
				}
				seen, last = seen+1, id
				if len(ids) < maxTracedOrders && (visitor != "" && o.Visitor == visitor || session != "" && o.Session == session) {
					ids, numbers = append(ids, id), append(numbers, orderNumber(o))
				}
				return true
			})
		})
	}
	return ids, numbers
}

func (s *Service) erasuresList(_ *call, q api.ErasuresQuery) (api.ErasurePage, error) {
	limit := q.Limit
	if limit == 0 {
		limit = maxErasurePage
	}
	if limit < 1 || limit > maxErasurePage {
		return api.ErasurePage{}, api.Invalid("limit", "Give a limit between 1 and %d.", maxErasurePage)
	}
	out := api.ErasurePage{Timeline: max(s.m.timeline(), 1), Records: []api.ErasureRecord{}}
	s.m.erasures.Ascend("", func(_ string, r erasureRec) bool { out.Oldest = r.Seq; return false })
	s.m.erasures.Ascend(erasureKey(q.After+1), func(_ string, r erasureRec) bool {
		out.Records = append(out.Records, api.ErasureRecord{Timeline: r.Timeline, Seq: r.Seq, At: rfc(r.AtMS), Traces: r.Traces})
		return len(out.Records) < limit
	})
	return out, nil
}
