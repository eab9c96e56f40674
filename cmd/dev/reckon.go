package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"meridian/api"
)

// reckoning holds the buyers' answers against the orders, the stock and the provider's own ledger.
type reckoning struct {
	took               time.Duration
	paid, outOfStock   int
	repeats            int
	stock              api.StockLevel
	orders             map[string]int // by status
	ordered            int            // orders of this run that hold or sold a unit
	captured           int            // charges
	authorized, voided int
	replicas           string
	wrong              []string
}

// charge is a line of the provider's ledger.
type charge struct {
	ID       string `json:"id"`
	Order    string `json:"order"`
	Amount   int64  `json:"amount"`
	Captured int64  `json:"captured"`
	Refunded int64  `json:"refunded"`
	State    string `json:"state"`
	// CreatedAt is RFC 3339.
	CreatedAt time.Time `json:"created_at"`
}

// settleWithin is how long open reservations and payments may take to be resolved after the race.
const settleWithin = 60 * time.Second

func (s *sale) reckon(ctx context.Context, staff *visitor, run string, buyers []*buyer) (*reckoning, error) {
	deadline := time.Now().Add(settleWithin)
	for {
		r, err := s.look(ctx, staff, run, buyers)
		if err != nil {
			return nil, err
		}
		if len(r.wrong) == 0 || time.Now().After(deadline) {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, nil
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func (s *sale) look(ctx context.Context, staff *visitor, run string, buyers []*buyer) (*reckoning, error) {
	r := &reckoning{orders: map[string]int{}}
	paid := map[string]api.Order{}
	for _, b := range buyers {
		r.repeats += b.tries - 1
		if b.refused != nil {
			r.outOfStock++
			continue
		}
		if b.order.Status != api.OrderPaid {
			r.off("buyer %d was answered an order that is %q", b.n, b.order.Status)
		}
		if _, twice := paid[b.order.ID]; twice {
			r.off("order %s was answered to two buyers", b.order.ID)
		}
		paid[b.order.ID] = b.order
	}
	r.paid = len(paid)
	var err error
	if r.stock, err = get[api.StockLevel](ctx, staff, "/admin/api/v1/stock/"+url.PathEscape(s.sku)); err != nil {
		return nil, fmt.Errorf("stock: %w", err)
	}
	orders, err := s.runOrders(ctx, staff, run)
	if err != nil {
		return nil, fmt.Errorf("orders: %w", err)
	}
	charges, err := s.charges(ctx, staff)
	if err != nil {
		return nil, fmt.Errorf("charges: %w", err)
	}
	r.compareOrders(paid, orders)
	r.compareCharges(orders, charges)
	if err := s.strayCharges(ctx, staff, r, orders, charges); err != nil {
		return nil, fmt.Errorf("charges: %w", err)
	}
	if err := s.compareReplicas(ctx, r); err != nil {
		return nil, fmt.Errorf("replicas: %w", err)
	}
	want := min(s.units, s.buyers)
	if r.paid != want {
		r.off("%d buyers paid, want exactly %d", r.paid, want)
	}
	if r.outOfStock != s.buyers-want {
		r.off("%d buyers were told out_of_stock, want %d", r.outOfStock, s.buyers-want)
	}
	if r.stock.OnHand != int64(s.units-want) || r.stock.Reserved != 0 {
		r.off("on_hand %d and reserved %d, want %d and 0", r.stock.OnHand, r.stock.Reserved, s.units-want)
	}
	return r, nil
}

func (r *reckoning) off(format string, args ...any) {
	const enough = 10
	if len(r.wrong) < enough {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

func (r *reckoning) compareOrders(paid map[string]api.Order, orders map[string]api.StaffOrder) {
	for id, o := range orders {
		r.orders[o.Status]++
		switch o.Status {
		case api.OrderPaid:
			r.ordered++
			if _, ok := paid[id]; !ok {
				r.off("order %s is paid and no buyer was told", id)
			}
		case api.OrderPendingPayment:
			r.off("order %s is still waiting for its payment", id)
		}
	}
	for id := range paid {
		if _, ok := orders[id]; !ok {
			r.off("order %s was answered and does not exist", id)
		}
	}
	if r.ordered != len(paid) {
		r.off("%d paid orders by the staff's list, %d by the buyers' answers", r.ordered, len(paid))
	}
}

func (r *reckoning) compareCharges(orders map[string]api.StaffOrder, charges []charge) {
	taken := map[string]int{}
	for _, c := range charges {
		o, ours := orders[c.Order]
		if !ours {
			continue
		}
		switch c.State {
		case "captured":
			r.captured++
			taken[c.Order]++
			if o.Status != api.OrderPaid {
				r.off("charge %s was captured for order %s, which is %s", c.ID, c.Order, o.Status)
			}
			if c.Captured != o.Totals.Total.Amount {
				r.off("charge %s took %d for order %s of %d", c.ID, c.Captured, c.Order, o.Totals.Total.Amount)
			}
		case "authorized":
			r.authorized++
			r.off("charge %s of order %s is neither captured nor voided", c.ID, c.Order)
		case "voided":
			r.voided++
		}
	}
	for id, o := range orders {
		if o.Status == api.OrderPaid && taken[id] != 1 {
			r.off("order %s is paid by %d charges", id, taken[id])
		}
	}
}

// strayCharges finds money that was taken since the start for an order that does not exist.
func (s *sale) strayCharges(ctx context.Context, staff *visitor, r *reckoning, orders map[string]api.StaffOrder, charges []charge) error {
	for _, c := range charges {
		if _, ours := orders[c.Order]; ours || c.CreatedAt.Before(s.began) || c.State != "captured" && c.State != "authorized" {
			continue
		}
		_, err := get[api.StaffOrder](ctx, staff, "/admin/api/v1/orders/"+url.PathEscape(c.Order))
		if api.CodeOf(err) == api.CodeNotFound {
			r.off("charge %s is %s for order %s, which does not exist", c.ID, c.State, c.Order)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// runOrders lists the orders of this run's buyers.
func (s *sale) runOrders(ctx context.Context, staff *visitor, run string) (map[string]api.StaffOrder, error) {
	found := map[string]api.StaffOrder{}
	prefix := "buyer-" + run + "-"
	path := "/admin/api/v1/orders?limit=100"
	for next := path; ; {
		page, err := get[api.List[api.StaffOrder]](ctx, staff, next)
		if err != nil {
			return nil, err
		}
		ours := 0
		for _, o := range page.Items {
			if strings.HasPrefix(o.Email, prefix) {
				found[o.ID] = o
				ours++
			}
		}
		// Newest first: a page without one of ours, after some of ours, is older than the run.
		if page.Next == nil || ours == 0 && len(found) > 0 {
			return found, nil
		}
		next = path + "&after=" + url.QueryEscape(*page.Next)
	}
}

// charges reads the provider's whole ledger.
func (s *sale) charges(ctx context.Context, staff *visitor) ([]charge, error) {
	provider := newVisitor("http://"+s.opts.ports.payments(), "", staff.http)
	var all []charge
	for next := "/charges?limit=1000"; ; {
		page, err := get[api.List[charge]](ctx, provider, next)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all, nil
		}
		next = "/charges?limit=1000&after=" + url.QueryEscape(*page.Next)
	}
}

func (r *reckoning) table(s *sale) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	title := fmt.Sprintf("%d buyers, %d units, %d regions", s.buyers, s.units, s.opts.regions)
	if s.opts.rtt > 0 {
		title += fmt.Sprintf(", round trip %v", s.opts.rtt)
	}
	if s.killLeader {
		title += ", leader killed in the middle"
	}
	fmt.Fprintf(w, "%s\n", title)
	row := func(what string, value any) { fmt.Fprintf(w, "  %s\t%v\n", what, value) }
	row("buyers who paid", r.paid)
	row("buyers told out_of_stock", r.outOfStock)
	row("repeats with the same key", r.repeats)
	row("on_hand / reserved afterwards", fmt.Sprintf("%d / %d", r.stock.OnHand, r.stock.Reserved))
	row("paid orders, by the staff's list", r.ordered)
	row("charges captured, by the provider's ledger", r.captured)
	row("charges authorized and left open", r.authorized)
	row("charges voided", r.voided)
	row("replicas", r.replicas)
	row("time until the last answer", r.took.Round(time.Millisecond))
	verdict := "all equal"
	if len(r.wrong) > 0 {
		verdict = "NOT EQUAL: " + strings.Join(r.wrong, "; ")
	}
	row("verdict", verdict)
	w.Flush()
	return strings.TrimRight(b.String(), "\n")
}
