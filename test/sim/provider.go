package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"meridian/core"
)

// provider is a payment provider: one charge a key, a void is final, and its answers can be slow or lost
// after it has acted.
type provider struct {
	mu      sync.Mutex
	rng     *rand.Rand
	charges map[string]*charge
	trouble float64 // chance that an answer is lost, before or after the act
}

type charge struct {
	id       string
	state    core.PaymentState
	amount   int64
	refunded int64
}

var _ core.Payments = (*provider)(nil)

var errProvider = errors.New("simulated provider: no answer")

func newProvider(rng *rand.Rand) *provider {
	return &provider{rng: rng, charges: map[string]*charge{}}
}

func (p *provider) setTrouble(chance float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = chance
}

// act takes a while, does fn once, and may lose the answer.
func (p *provider) act(ctx context.Context, fn func() core.PaymentResult) (core.PaymentResult, error) {
	p.mu.Lock()
	before, after := p.rng.Float64() < p.trouble/2, p.rng.Float64() < p.trouble/2
	wait := time.Duration(20+p.rng.IntN(200)) * time.Millisecond
	if p.rng.Float64() < p.trouble {
		wait += time.Duration(p.rng.IntN(8000)) * time.Millisecond
	}
	p.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	late := false
	select {
	case <-timer.C:
	case <-ctx.Done(): // the request is on its way all the same
		late = true
	}
	if before {
		return core.PaymentResult{}, errProvider
	}
	p.mu.Lock()
	r := fn()
	p.mu.Unlock()
	if after || late {
		return core.PaymentResult{}, errProvider
	}
	return r, nil
}

func (c *charge) result() core.PaymentResult {
	r := core.PaymentResult{State: c.state, Charge: c.id, Refunded: c.refunded}
	if c.state == core.PaymentDeclined {
		r.DeclineCode = "card_declined"
	}
	return r
}

func (p *provider) Authorize(ctx context.Context, q core.PaymentRequest) (core.PaymentResult, error) {
	return p.act(ctx, func() core.PaymentResult {
		c, ok := p.charges[q.Key]
		if !ok {
			c = &charge{id: fmt.Sprintf("ch_%d", len(p.charges)+1), state: core.PaymentAuthorized, amount: q.Amount}
			if q.Token == tokenDeclined {
				c.state = core.PaymentDeclined
			}
			p.charges[q.Key] = c
		}
		return c.result()
	})
}

func (p *provider) Lookup(ctx context.Context, key string) (core.PaymentResult, error) {
	return p.act(ctx, func() core.PaymentResult {
		if c, ok := p.charges[key]; ok {
			return c.result()
		}
		return core.PaymentResult{State: core.PaymentUnknown}
	})
}

func (p *provider) Capture(ctx context.Context, key string) (core.PaymentResult, error) {
	return p.act(ctx, func() core.PaymentResult {
		c, ok := p.charges[key]
		if !ok {
			return core.PaymentResult{State: core.PaymentUnknown}
		}
		if c.state == core.PaymentAuthorized {
			c.state = core.PaymentCaptured
		}
		return c.result()
	})
}

func (p *provider) Void(ctx context.Context, key string) (core.PaymentResult, error) {
	return p.act(ctx, func() core.PaymentResult {
		c, ok := p.charges[key]
		if !ok {
			c = &charge{id: fmt.Sprintf("ch_%d", len(p.charges)+1), state: core.PaymentVoided}
			p.charges[key] = c
		}
		if c.state == core.PaymentAuthorized {
			c.state = core.PaymentVoided
		}
		return c.result()
	})
}

func (p *provider) Refund(ctx context.Context, key, _ string, amount int64) (core.PaymentResult, error) {
	return p.act(ctx, func() core.PaymentResult {
		c, ok := p.charges[key]
		if !ok {
			return core.PaymentResult{State: core.PaymentUnknown}
		}
		c.state, c.refunded = core.PaymentRefunded, amount
		return c.result()
	})
}

// Changed implements core.Payments. No simulated cluster is restored, so nobody asks.
func (p *provider) Changed(context.Context, time.Time, string) ([]core.PaymentCharge, string, error) {
	return nil, "", errors.New("simulated provider: it has no list of charges")
}

// kept is how many charges stand: authorized or taken.
func (p *provider) kept() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.charges {
		if c.state == core.PaymentAuthorized || c.state == core.PaymentCaptured {
			n++
		}
	}
	return n
}
