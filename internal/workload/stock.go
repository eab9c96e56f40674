package workload

import (
	"context"
	"fmt"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/internal/history"
)

// staff is a call of a merchandiser.
func (l *Load) staff(key string) api.Call {
	return api.Call{Credential: "staff:" + l.cfg.Staff, Key: key}
}

func (l *Load) adjust(v visitor, sku string, delta int64, key string) *deed {
	d := l.change(v, history.Adjust, sku, delta, key)
	d.do = func(ctx context.Context) (any, error) {
		s, _, err := coreclient.Do(ctx, v.edge, api.StockAdjust, api.AdjustStock{SKU: sku, Delta: delta, Reason: "chaos"}, l.staff(d.op.Key))
		return l.level(s, err)
	}
	return d
}

func (l *Load) set(v visitor, sku string, count int64, key string) *deed {
	d := l.change(v, history.Set, sku, count, key)
	d.do = func(ctx context.Context) (any, error) {
		s, _, err := coreclient.Do(ctx, v.edge, api.StockSet, api.SetStock{SKU: sku, OnHand: count}, l.staff(d.op.Key))
		return l.level(s, err)
	}
	return d
}

func (l *Load) change(v visitor, action history.Action, sku string, arg int64, key string) *deed {
	return &deed{
		name: fmt.Sprintf("%s %s by %d, key %s", action, sku, arg, key), refusals: true,
		op: history.Op{Client: v.n, Object: sku, Action: action, Arg: arg, Key: key},
		record: func(op history.Op, answer any) {
			if s, ok := answer.(api.StockLevel); ok && op.Outcome == history.Done {
				op.OnHand = s.OnHand
			}
			l.cfg.Recorder.Add(op)
		},
	}
}

// level verifies what every stock level has to fulfil by itself.
func (l *Load) level(s api.StockLevel, err error) (any, error) {
	if err == nil && (s.Reserved < 0 || s.OnHand < s.Reserved || s.Available != s.OnHand-s.Reserved) {
		l.problem("an impossible stock level: %+v", s)
	}
	return s, err
}

// read asks for a stock level as an edge does: the leader answers.
func (l *Load) read(ctx context.Context, v visitor, sku string) {
	op := history.Op{Client: v.n, Object: sku, Action: history.Read, Call: l.cfg.Recorder.Now()}
	s, _, err := coreclient.Do(ctx, v.edge, api.StockGet, api.StockQuery{SKU: sku}, l.staff(""))
	l.noteRead(op, s, err)
}

// readAt asks one node, whatever it is: it may refuse, but what it says has to be true.
func (l *Load) readAt(ctx context.Context, v visitor, sku string, n coreclient.Node) {
	op := history.Op{Client: v.n, Object: sku, Action: history.Read, Node: n.ID, Call: l.cfg.Recorder.Now()}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s, err := l.direct.Stock(ctx, n, sku)
	l.noteRead(op, s, err)
}

func (l *Load) noteRead(op history.Op, s api.StockLevel, err error) {
	if err != nil {
		l.count(func(s *Stats) { s.Refused++ })
		return
	}
	_, _ = l.level(s, nil)
	op.Return, op.Outcome, op.OnHand = l.cfg.Recorder.Now(), history.Done, s.OnHand
	l.cfg.Recorder.Add(op)
	l.count(func(s *Stats) { s.Done++ })
}

// Final reads every SKU after everything else, records it, and answers what is on hand. A unit that is
// still held for somebody is a problem: every checkout has its outcome by now.
func (l *Load) Final(ctx context.Context) (map[string]int64, error) {
	onHand := map[string]int64{}
	for _, sku := range append(append([]string{}, l.stock...), l.goods...) {
		op := history.Op{Client: l.cfg.Clients, Object: sku, Action: history.Read, Call: l.cfg.Recorder.Now()}
		s, _, err := coreclient.Do(ctx, l.edges[0], api.StockGet, api.StockQuery{SKU: sku}, l.staff(""))
		if err != nil {
			return nil, fmt.Errorf("read %s in the end: %w", sku, err)
		}
		l.noteRead(op, s, nil)
		onHand[sku] = s.OnHand
		if s.Reserved != 0 {
			l.problem("%d of %s are held although every checkout has its outcome", s.Reserved, sku)
		}
	}
	return onHand, nil
}
