package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"meridian/api"
	"meridian/core"
	"meridian/internal/history"
)

const (
	tokenOK       = "tok_ok"
	tokenDeclined = "tok_declined"

	skus      = 6
	callWait  = 6 * time.Second
	checkWait = 30 * time.Second
)

func skuName(i int) string { return fmt.Sprintf("SKU-%d", i) }

// client is somebody who uses the shop: one thing at a time, and under one key until it has an answer.
type client struct {
	c    *cluster
	id   int
	rng  *rand.Rand
	only *computer // the one it asks; nil: any
	seq  int
	done []remembered // what was answered, for repeats
}

type remembered struct {
	name, key, credential string
	body                  []byte
	status                int
	answer                []byte
	at                    time.Time
}

// work uses the shop until the run ends; what is under way then is still finished.
func (k *client) work() {
	for {
		select {
		case <-k.c.ending:
			return
		case <-time.After(time.Duration(k.rng.ExpFloat64() * float64(k.c.shape.Think))):
		}
		switch p := k.rng.IntN(100); {
		case p < 35:
			k.adjust(skuName(k.rng.IntN(skus)), int64(k.rng.IntN(9)-3), "")
		case p < 65:
			k.read(skuName(k.rng.IntN(skus)))
		case p < 90:
			k.buy()
		default:
			k.repeat()
		}
	}
}

func (k *client) key() string { k.seq++; return fmt.Sprintf("k%d-%d", k.id, k.seq) }

// target is a node to ask: mostly one that believes that it leads, sometimes any.
func (k *client) target() *incarnation {
	if k.only != nil {
		return k.only.up.Load()
	}
	var all []*incarnation
	for _, n := range k.c.nodes {
		if inc := n.up.Load(); inc != nil {
			all = append(all, inc)
		}
	}
	if len(all) == 0 {
		return nil
	}
	if k.rng.IntN(8) > 0 {
		for _, i := range k.rng.Perm(len(all)) {
			if all[i].raft.Status().Ready {
				return all[i]
			}
		}
	}
	return all[k.rng.IntN(len(all))]
}

// ask calls one node once. known is false when nothing came back.
func (k *client) ask(name, key, credential string, body []byte, wait time.Duration) (r core.Answer, known bool) {
	inc := k.target()
	if inc == nil {
		return r, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	out := make(chan core.Answer, 1)
	go func() {
		out <- inc.service.Answer(ctx, name, api.Call{Key: key, Credential: credential}, body)
	}()
	select {
	case <-inc.gone: // the connection breaks
		return r, false
	case r = <-out:
	case <-ctx.Done():
		return r, false
	}
	select {
	case <-inc.gone: // it crashed before the answer left
		return r, false
	default:
	}
	return r, true
}

func transient(status int) bool { return status >= 500 || status == 429 || status == 421 }

// decide calls until there is an answer that lasts. patient ones never give up: the run ends by healing
// everything, and then there is an answer.
func (k *client) decide(name, key, credential string, req any, wait time.Duration) core.Answer {
	body, err := json.Marshal(req)
	if err != nil {
		panic(err)
	}
	for {
		r, known := k.ask(name, key, credential, body, wait)
		if known && !transient(r.Status) && !(name == api.CheckoutCart.Name && codeOf(r) == api.CodeCheckoutInProgress) {
			if key != "" {
				k.done = append(k.done, remembered{name, key, credential, body, r.Status, bytes.Clone(r.Body), time.Now()})
			}
			if r.Status == 500 {
				k.c.trace.violated("%s under %s failed: %s", name, key, r.Body)
			}
			return r
		}
		k.c.count(func(s *Stats) { s.Retries++ })
		select {
		case <-time.After(time.Duration(100+k.rng.IntN(900)) * time.Millisecond):
		case <-k.c.stopping.Done():
			return core.Answer{}
		}
	}
}

func codeOf(r core.Answer) api.Code {
	var e api.Error
	if r.Status < 400 || json.Unmarshal(r.Body, &e) != nil {
		return ""
	}
	return e.Code
}

func (k *client) op(object string, a history.Action, key string, arg int64, call time.Duration) history.Op {
	return history.Op{Client: k.id, Object: object, Action: a, Key: key, Arg: arg, Call: call, Return: k.c.history.Now(), Outcome: history.Done}
}

func (k *client) record(o history.Op) {
	k.c.history.Add(o)
	k.c.count(func(s *Stats) { s.Ops++ })
	k.c.trace.add("client %d: %s %s %d under %s: %s, %d on hand (asked at %.3f)", k.id, o.Action, o.Object, o.Arg, o.Key, o.Outcome, o.OnHand, o.Call.Seconds())
}

func (k *client) adjust(sku string, by int64, reason string) {
	if by == 0 {
		by = 1
	}
	key, call := k.key(), k.c.history.Now()
	r := k.decide(api.StockAdjust.Name, key, "staff:"+staffToken, api.AdjustStock{SKU: sku, Delta: by, Reason: "sim" + reason}, callWait)
	o := k.op(sku, history.Adjust, key, by, call)
	switch {
	case r.Status == 0:
		o.Outcome = history.Open
	case r.Status < 400:
		o.OnHand = k.level(r).OnHand
	case codeOf(r) == api.CodeStockReserved: // refused for what is held, which the history does not have
		return
	default:
		o.Outcome = history.Refused
	}
	k.record(o)
}

func (k *client) level(r core.Answer) (l api.StockLevel) {
	if err := json.Unmarshal(r.Body, &l); err != nil {
		k.c.trace.violated("an answer cannot be read: %v: %s", err, r.Body)
	}
	if l.Reserved < 0 || l.Reserved > l.OnHand || l.Available != l.OnHand-l.Reserved {
		k.c.trace.violated("impossible stock was shown: %+v", l)
	}
	return l
}

// read is one exact read. Without an answer it says nothing.
func (k *client) read(sku string) {
	body, _ := json.Marshal(api.StockQuery{SKU: sku})
	call := k.c.history.Now()
	r, known := k.ask(api.StockGet.Name, "", "staff:"+staffToken, body, callWait)
	if !known || r.Status != 200 {
		k.c.count(func(s *Stats) { s.NoReads++ })
		return
	}
	o := k.op(sku, history.Read, "", 0, call)
	o.OnHand = k.level(r).OnHand
	k.record(o)
}

var locale = api.Locale{Currency: "EUR", Country: "DE"}

// buy fills a cart and checks it out.
func (k *client) buy() {
	key := k.key()
	r := k.decide(api.CartsCreate.Name, key+"-c", "", api.NewCart{Locale: locale}, callWait)
	var cart api.Cart
	if r.Status == 0 || json.Unmarshal(r.Body, &cart) != nil || cart.ID == "" {
		return
	}
	want := map[string]int64{}
	for range 1 + k.rng.IntN(2) {
		sku, n := skuName(k.rng.IntN(skus)), int64(1+k.rng.IntN(3))
		if r := k.decide(api.CartsPutLine.Name, fmt.Sprintf("%s-l%s", key, sku), "", api.PutLine{Cart: cart.ID, SKU: sku, Quantity: n}, callWait); r.Status == 200 {
			want[sku] = k.inCart(r, sku)
		}
	}
	if len(want) == 0 {
		return
	}
	token := tokenOK
	if k.rng.IntN(6) == 0 {
		token = tokenDeclined
	}
	call := k.c.history.Now()
	r = k.decide(api.CheckoutCart.Name, key, "", purchase(cart.ID, token), checkWait)
	if r.Status == 0 || r.Status >= 400 {
		k.c.trace.add("client %d: checkout %s of %v: %d %s (asked at %.3f)", k.id, key, want, r.Status, codeOf(r), call.Seconds())
		k.c.count(func(s *Stats) { s.Refused++ })
		if r.Status == 0 {
			for sku, n := range want {
				o := k.op(sku, history.Sell, key, n, call)
				o.Outcome = history.Open
				k.record(o)
			}
		}
		return
	}
	var order api.Order
	if err := json.Unmarshal(r.Body, &order); err != nil || order.Status == "" {
		k.c.trace.violated("an order cannot be read: %v: %s", err, r.Body)
		return
	}
	k.c.count(func(s *Stats) { s.Orders++ })
	k.record(k.op(order.ID, history.Place, key, 0, call))
	for sku, n := range want {
		k.record(k.op(sku, history.Sell, key, n, call))
	}
}

func (k *client) inCart(r core.Answer, sku string) int64 {
	var cart api.Cart
	if err := json.Unmarshal(r.Body, &cart); err != nil {
		k.c.trace.violated("a cart cannot be read: %v: %s", err, r.Body)
	}
	for _, l := range cart.Lines {
		if l.SKU == sku {
			return l.Quantity
		}
	}
	k.c.trace.violated("what was put into a cart is not in it: %s: %s", sku, r.Body)
	return 0
}

func purchase(cart, token string) api.CheckoutRequest {
	return api.CheckoutRequest{Cart: cart, Checkout: api.Checkout{Email: "ada@example.com", ShippingMethod: "standard",
		ShippingAddress: api.Address{Name: "Ada Lovelace", Line1: "12 St James's Square", City: "London", PostalCode: "SW1Y 4JH", Country: "GB"},
		Payment:         api.PaymentMethod{Provider: "sandbox", Token: token}}}
}

// repeat asks again for something that was answered: the answer must be the same, byte for byte.
func (k *client) repeat() {
	if len(k.done) == 0 {
		return
	}
	d := k.done[k.rng.IntN(len(k.done))]
	r, known := k.ask(d.name, d.key, d.credential, d.body, callWait)
	if !known || transient(r.Status) {
		return
	}
	k.c.count(func(s *Stats) { s.Repeats++ })
	if r.Status != d.status || !bytes.Equal(r.Body, d.answer) {
		k.c.trace.violated("%s under %s was answered with %d %s, and now with %d %s", d.name, d.key, d.status, d.answer, r.Status, r.Body)
	}
}
