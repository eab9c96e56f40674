//go:build linux

package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"meridian/api"
)

// goal is the most that may be lost of what was acknowledged.
const goal = time.Second

// slack is how far a batch's time may be from a client's clock on the same machine.
const slack = 250 * time.Millisecond

// lost notes what is missing and was acknowledged.
func (l *life) lost(acked time.Time) { l.res.Window = max(l.res.Window, l.ended.Sub(acked)) }

// judge holds the restored shop against what its clients were told. sold is the first order of the new life.
func (l *life) judge(ctx context.Context, sold purchase) error {
	if err := l.counts(ctx); err != nil {
		return err
	}
	listed, err := l.orders(ctx)
	if err != nil {
		return err
	}
	l.purchases(listed, sold)
	if err := l.money(ctx); err != nil {
		return err
	}
	if err := l.repeats(ctx, listed); err != nil {
		return err
	}
	if l.mode.whole() && l.res.Window > goal {
		l.bad("what was acknowledged %v before the end is lost; at most %v may be", l.res.Window.Round(time.Millisecond), goal)
	}
	if l.res.Writes < 20 || l.res.Orders == 0 {
		l.bad("only %d writes and %d orders were acknowledged: this life shows nothing", l.res.Writes, l.res.Orders)
	}
	return l.edgeKnows(ctx)
}

// counts compares the writers' SKUs: what survives is the first writes of each.
func (l *life) counts(ctx context.Context) error {
	for _, w := range l.load.writers {
		v, _, err := ask(ctx, l.shop, l.staff, api.StockGet, api.StockQuery{SKU: w.sku})
		if err != nil {
			return err
		}
		kept := int(v.OnHand - w.base)
		if kept < 0 || kept > len(w.writes) {
			l.bad("%s: on hand %d after %d at the beginning and %d writes", w.sku, v.OnHand, w.base, len(w.writes))
			continue
		}
		for i, one := range w.writes {
			if one.acked.IsZero() {
				continue
			}
			l.res.Writes++
			if i >= kept {
				l.res.LostWrites++
				l.lost(one.acked)
			}
			if why := l.misplaced(one.sent, one.acked, one.index, i < kept); why != "" {
				l.bad("write %d of %s, index %d, %s", i, w.sku, one.index, why)
			}
		}
	}
	return nil
}

// misplaced says why something should be there and is not, or the other way round.
func (l *life) misplaced(sent, acked time.Time, index uint64, there bool) string {
	switch l.mode {
	case toIndex:
		if there != (index <= l.index) {
			return fmt.Sprintf("restored to index %d: it is there: %v", l.index, there)
		}
	case toTime:
		if !there && acked.Add(slack).Before(l.moment) || there && sent.Add(-slack).After(l.moment) {
			return fmt.Sprintf("sent %v, acknowledged %v, restored to %v: it is there: %v", sent, acked, l.moment, there)
		}
	}
	return ""
}

// orders are those of the restored shop with their status.
func (l *life) orders(ctx context.Context) (map[string]api.StaffOrder, error) {
	all := map[string]api.StaffOrder{}
	q := api.OrdersQuery{Page: api.Page{Limit: 100}}
	for {
		page, _, err := ask(ctx, l.shop, l.staff, api.OrdersList, q)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Items {
			all[o.ID] = o
		}
		if page.Next == nil {
			return all, nil
		}
		q.After = *page.Next
	}
}

func (l *life) purchases(listed map[string]api.StaffOrder, sold purchase) {
	for id := range l.past.known {
		if o := listed[id]; o.Status != api.OrderPaid {
			l.bad("order %s of an earlier life is %q", id, o.Status)
		}
	}
	for _, p := range l.load.orders {
		l.res.Orders++
		if l.past.ever[p.id] {
			l.bad("the id %s was given twice", p.id)
		}
		l.past.ever[p.id] = true
		l.numbered(p)
		if o := listed[p.id]; o.Status == api.OrderPaid {
			l.past.known[p.id] = true
			continue
		}
		l.res.LostOrders++
		l.lost(p.acked)
		if l.mode == toIndex && p.index <= l.index || l.mode == toTime && p.acked.Add(slack).Before(l.moment) {
			l.bad("order %s, acknowledged at index %d, is %q after the restore", p.id, p.index, listed[p.id].Status)
		}
	}
	if l.past.ever[sold.id] {
		l.bad("the id %s was given again in the new timeline", sold.id)
	}
	l.numbered(sold)
	l.past.ever[sold.id], l.past.known[sold.id] = true, true
}

// numbered notes an order's number, which stands in its buyer's mailbox.
func (l *life) numbered(p purchase) {
	if other, ok := l.past.numbers[p.number]; ok && other != p.id {
		l.bad("orders %s and %s were both acknowledged as %s", other, p.id, p.number)
	}
	l.past.numbers[p.number] = p.id
}

// charge is what the provider says of one payment.
type charge struct {
	Order string `json:"order"`
	State string `json:"state"`
}

func (l *life) charges(ctx context.Context) (all []charge, err error) {
	for after := ""; ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.provider+"/charges?limit=1000&after="+after, nil)
		if err != nil {
			return nil, err
		}
		resp, err := l.http.Do(req)
		if err != nil {
			return nil, err
		}
		var page api.List[charge]
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all, nil
		}
		after = *page.Next
	}
}

// money holds orders, charges, stock and the report of differences against each other, when nothing
// moves any more.
func (l *life) money(ctx context.Context) error {
	var wrong []string
	err := until(ctx, "orders, charges and stock to agree", func() bool {
		wrong = wrong[:0]
		charges, err := l.charges(ctx)
		listed, err2 := l.orders(ctx)
		stock, _, err3 := ask(ctx, l.shop, l.staff, api.StockGet, api.StockQuery{SKU: goods})
		if err != nil || err2 != nil || err3 != nil {
			wrong = append(wrong, fmt.Sprint(err, err2, err3))
			return false
		}
		live := map[string]int{}
		for _, c := range charges {
			if c.State == "authorized" || c.State == "captured" {
				live[c.Order]++
			}
		}
		paid := int64(0)
		for id, o := range listed {
			want := 0
			if o.Status == api.OrderPaid {
				want = 1
				paid++
			}
			if live[id] != want {
				wrong = append(wrong, fmt.Sprintf("order %s is %s and the provider holds %d charges for it", id, o.Status, live[id]))
			}
		}
		for id := range live {
			if _, ok := listed[id]; !ok {
				wrong = append(wrong, fmt.Sprintf("the provider holds a charge for order %s, which is lost", id))
			}
		}
		if stock.OnHand+paid != onShelf || stock.Reserved != 0 {
			wrong = append(wrong, fmt.Sprintf("%d are on hand and %d reserved after %d orders out of %d", stock.OnHand, stock.Reserved, paid, onShelf))
		}
		return len(wrong) == 0
	})
	if err != nil {
		l.res.Problems = append(l.res.Problems, wrong...)
	}
	out, err := l.core(ctx, "backup", "differences", "--json")
	if err != nil {
		return err
	}
	var all []api.Difference
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return fmt.Errorf("core backup differences: %w", err)
	}
	named := map[string]bool{}
	for _, d := range all {
		named[d.Order] = d.Done && (d.Action == "voided" || d.Action == "refunded")
	}
	for _, p := range l.load.orders {
		if !l.past.known[p.id] && !named[p.id] {
			l.bad("order %s is lost, and core backup differences does not say that its money went back", p.id)
		}
	}
	return ctx.Err()
}

// repeats asks for some of the survivors again under their keys.
func (l *life) repeats(ctx context.Context, listed map[string]api.StaffOrder) error {
	n := 0
	for _, p := range l.load.orders {
		if _, ok := listed[p.id]; !ok || n == 5 {
			continue
		}
		n++
		var o api.Order
		err := until(ctx, "the answer to a repeated checkout", func() (ok bool) {
			var err error
			o, _, err = l.load.checkout(ctx, l.client, p)
			return err == nil || !api.AsError(err).Transient()
		})
		if err != nil {
			return err
		}
		if o.ID != p.id {
			l.bad("the checkout under key %s gave order %s, and %q when it was repeated after the restore", p.key, p.id, o.ID)
		}
	}
	return nil
}

var titled = regexp.MustCompile(`Ticker no\. \d+`)

// edgeKnows waits until the edge, which lived through it, shows what the restored core has: a page of the
// abandoned timeline must not stay in its cache.
func (l *life) edgeKnows(ctx context.Context) error {
	p, _, err := ask(ctx, l.shop, l.staff, api.StaffProductGet, api.StaffHandle{Handle: watched})
	if err != nil {
		return err
	}
	shown := ""
	if err := until(ctx, "the edge to show the restored product", func() bool {
		page, err := l.page(ctx, "/api/v1/products/"+watched)
		shown = titled.FindString(page)
		return err == nil && shown == p.Title
	}); err != nil {
		l.bad("the edge shows %q, the restored core has %q", shown, p.Title)
	}
	return nil
}
