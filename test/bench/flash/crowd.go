package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// visitor is somebody who wants one unit, and what became of it.
type visitor struct {
	n int
	// address and token are what the shop tells buyers apart by.
	address, token string
	arrived        time.Time
	number         uint64 // in the waiting room; 0: none
	left           time.Time
	// began is when their turn had come, and steps how long cart, line and checkout took.
	began time.Time
	steps [3]time.Duration
	order string
	// soldOut: they were told that nothing is left.
	soldOut bool
	err     error
}

// crowd is everybody who comes to a sale.
type crowd struct {
	edges    []string
	room     string // the waiting room; "": there is none
	sku      string
	http     *fasthttp.Client
	patience time.Time // when the last of them goes home
	// turn is called by everybody whose turn has come, before they buy; nil: nothing.
	turn  func()
	began time.Time
	asked []atomic.Uint32 // how many requests the crowd made in each second
}

func newCrowd(edges []string, room, sku string, patience time.Time) *crowd {
	began := time.Now()
	return &crowd{edges: edges, room: room, sku: sku, patience: patience, began: began, asked: make([]atomic.Uint32, int(patience.Sub(began).Seconds())+60), http: &fasthttp.Client{
		MaxConnsPerHost: 2000, MaxConnWaitTimeout: 30 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, MaxIdleConnDuration: 30 * time.Second}}
}

// come sends rate visitors a second, at random times (a Poisson process), and waits until the last has gone.
func (c *crowd) come(ctx context.Context, rng *rand.Rand, rate float64, d time.Duration) []*visitor {
	var all []*visitor
	var wg sync.WaitGroup
	start := time.Now()
	at := time.Duration(0)
	for n := 0; ctx.Err() == nil; n++ {
		at += time.Duration(rng.ExpFloat64() / rate * float64(time.Second))
		if at > d {
			break
		}
		time.Sleep(time.Until(start.Add(at)))
		v := &visitor{n: n, address: clientAddress(n), token: "tok_ok." + strconv.Itoa(n), arrived: time.Now()}
		all = append(all, v)
		wg.Go(func() {
			v.err = c.visit(ctx, v)
			v.left = time.Now()
		})
	}
	wg.Wait()
	return all
}

// browse sends as many requests in each second as the crowd of a sale did, all for a cached page, each by a client of an address of
// its own. It says how many failed.
func (c *crowd) browse(ctx context.Context, rng *rand.Rand, path string) (failed int) {
	counts := make([]uint32, len(c.asked)) // as they are now: what follows is counted too
	for i := range counts {
		counts[i] = c.asked[i].Load()
	}
	var wg sync.WaitGroup
	var bad atomic.Int64
	start, n := time.Now(), 0
	for second, count := range counts {
		at := make([]float64, count)
		for i := range at {
			at[i] = float64(second) + rng.Float64()
		}
		slices.Sort(at)
		for _, at := range at {
			if ctx.Err() != nil {
				break
			}
			time.Sleep(time.Until(start.Add(time.Duration(at * float64(time.Second)))))
			n++
			v := &visitor{n: n, address: clientAddress(n)}
			wg.Go(func() {
				if a, err := c.ask(v, "GET", path, "", "", "", ""); err != nil || a.status != http.StatusOK {
					bad.Add(1)
				}
			})
		}
	}
	wg.Wait()
	return int(bad.Load())
}

// answer is what an edge says.
type answer struct {
	status int
	body   []byte
	index  string
}

// ask makes one request as a client of an address of its own, which the edges believe since the load comes from a trusted proxy.
func (c *crowd) ask(v *visitor, method, path, key, ticket, index, body string) (a answer, err error) {
	if second := int(time.Since(c.began).Seconds()); second < len(c.asked) {
		c.asked[second].Add(1)
	}
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(method)
	req.SetRequestURI(c.edges[v.n%len(c.edges)] + path)
	req.Header.Set("X-Forwarded-For", v.address)
	req.Header.Set("Accept", "application/json")
	for name, v := range map[string]string{"Idempotency-Key": key, "Waiting-Ticket": ticket, "X-Index": index} {
		if v != "" {
			req.Header.Set(name, v)
		}
	}
	if body != "" {
		req.Header.SetContentType("application/json")
		req.SetBodyString(body)
	}
	if err := c.http.Do(req, res); err != nil {
		return a, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer{res.StatusCode(), append([]byte(nil), res.Body()...), string(res.Header.Peek("X-Index"))}, nil
}

func clientAddress(n int) string { return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

// queue is what the waiting room says.
type queue struct {
	Ticket   string `json:"ticket"`
	Number   uint64 `json:"number"`
	Turn     bool   `json:"turn"`
	AskAgain int    `json:"ask_again_seconds"`
	SoldOut  bool   `json:"sold_out"`
}

var errUnexpected = errors.New("unexpected answer")

// visit waits for its turn, if there is a room, and buys.
func (c *crowd) visit(ctx context.Context, v *visitor) error {
	ticket := ""
	if c.room != "" {
		a, err := c.ask(v, "POST", "/api/v1/waiting-rooms/"+c.room+"/tickets", "", "", "", "")
	wait:
		for {
			var q queue
			switch {
			case err != nil:
				return err
			case a.status == http.StatusConflict:
				v.soldOut = true
				return nil
			case a.status >= 300:
				return fmt.Errorf("%w: %d %s", errUnexpected, a.status, a.body)
			}
			if err := json.Unmarshal(a.body, &q); err != nil {
				return err
			}
			v.number, ticket = q.Number, q.Ticket
			if q.SoldOut {
				v.soldOut = true
				return nil
			}
			if q.Turn {
				break wait
			}
			if time.Now().After(c.patience) {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(q.AskAgain) * time.Second):
			}
			a, err = c.ask(v, "GET", "/api/v1/waiting-rooms/"+c.room, "", ticket, "", "")
		}
	}
	if c.turn != nil {
		c.turn()
	}
	v.began = time.Now()
	return c.buy(v, ticket)
}

// buy makes a cart, puts one unit into it and checks out.
func (c *crowd) buy(v *visitor, ticket string) error {
	key := func(step string) string { return c.sku + "-" + step + "-" + strconv.Itoa(v.n) }
	last := v.began
	step := func(i int) {
		now := time.Now()
		v.steps[i], last = now.Sub(last), now
	}
	a, err := c.ask(v, "POST", "/api/v1/carts", key("cart"), ticket, "", "{}")
	var thing struct{ ID, Status string }
	step(0)
	if err == nil && a.status == 201 {
		err = json.Unmarshal(a.body, &thing)
	}
	if err != nil || a.status != 201 {
		return failed(a, err)
	}
	cart := "/api/v1/carts/" + thing.ID
	if a, err = c.ask(v, "PUT", cart+"/lines/"+c.sku, key("line"), ticket, a.index, `{"quantity":1}`); err != nil || a.status != 200 {
		return failed(a, err)
	}
	step(1)
	a, err = c.ask(v, "POST", cart+"/checkout", key("buy"), ticket, a.index, `{"email":"v`+strconv.Itoa(v.n)+`@example.com","shipping_address":{"name":"A Visitor","line1":"1 Queue Street",`+
		`"city":"Hamburg","postal_code":"20457","country":"DE"},"shipping_method":"standard","payment":{"provider":"sandbox","token":"`+v.token+`"}}`)
	step(2)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusConflict:
		v.soldOut = true
		return nil
	case a.status != 201:
		return failed(a, nil)
	}
	if err := json.Unmarshal(a.body, &thing); err != nil {
		return err
	}
	v.order = thing.ID
	return nil
}

func failed(a answer, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %d %s", errUnexpected, a.status, a.body)
}
