package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"meridian/api"
)

// flight is a checkout under way on this node; repeats of its key wait for it.
type flight struct {
	hash string
	done chan struct{}
	r    reply
	err  error
}

// checkout buys a cart: reserve, pay, commit. It goes on when its caller has gone away, so that the
// outcome is decided; the caller finds it under its key.
func (s *Service) checkout(ctx context.Context, c *call, req api.CheckoutRequest) (reply, error) {
	if c.Key == "" {
		return reply{}, api.Invalid("Idempotency-Key", "A checkout needs an Idempotency-Key header of 1 to 128 visible characters.")
	}
	if len(req.Cart) > maxID {
		return reply{}, noCart()
	}
	k := s.key(c, "cart:"+req.Cart, req.Checkout)
	id := keyOf(k.Scope, k.Key)
	s.mu.Lock()
	f, running := s.flights[id]
	if !running {
		f = &flight{hash: k.BodyHash, done: make(chan struct{})}
		s.flights[id] = f
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			run, cancel := context.WithTimeout(s.closing, s.cfg.PaymentWait)
			defer cancel()
			began := time.Now()
			f.r, f.err = s.buy(run, c, k, req)
			s.pace.note(time.Since(began), f.err)
			s.mu.Lock()
			delete(s.flights, id)
			s.mu.Unlock()
			close(f.done)
		}()
	}
	s.mu.Unlock()
	if f.hash != k.BodyHash {
		return reply{}, api.NewError(api.CodeKeyReused, "This Idempotency-Key was used for another checkout of this cart. Use a new key.")
	}
	select {
	case <-f.done:
		r := f.r
		r.replay = r.replay || (running && final(f.err))
		return r, f.err
	case <-ctx.Done():
		return reply{}, outcomeUnknown()
	}
}

// final says that an answer is stored under its key.
func final(err error) bool { return err == nil || !api.AsError(err).Transient() }

// attended says whether a checkout with this key is under way on this node.
func (s *Service) attended(scope, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, running := s.flights[keyOf(scope, key)]
	return running
}

func outcomeUnknown() *api.Error {
	return api.NewError(api.CodeOutcomeUnknown, "We do not know yet whether this went through. Repeat it with the same Idempotency-Key; you will not pay twice.")
}

func paymentUnavailable() *api.Error {
	return api.NewError(api.CodePaymentUnavailable, "The payment provider does not answer. Nothing was charged and nothing is reserved; repeat with the same Idempotency-Key in a moment.")
}

// buy runs one checkout to an outcome.
func (s *Service) buy(ctx context.Context, c *call, k keying, req api.CheckoutRequest) (reply, error) {
	if r, err, known := s.stored(k); known {
		return r, err
	}
	if err := s.reconciling(); err != nil {
		return reply{}, err
	}
	if refusal := checkCheckout(req.Checkout); refusal != nil {
		return s.storeRefusal(ctx, k, refusal)
	}
	if s.stillFresh(req.Cart) {
		return s.storeRefusal(ctx, k, emptyCart())
	}
	cmd, err := s.reserveCommand(c, req)
	if err != nil {
		return reply{}, err
	}
	if refusal := s.ownTurn(cmd); refusal != nil && !s.begun(k) {
		return reply{}, refusal
	}
	for attempt := 0; attempt < 3; attempt++ {
		r, err := s.propose(ctx, cmdReserve, k, cmd)
		if err != nil || r.raw != nil {
			return r, err
		}
		res, err := as[reservation](r)
		if err != nil {
			return reply{}, err
		}
		r, err = s.pay(ctx, res, req.Payment.Token)
		if !errors.Is(err, errVoided) {
			return r, err
		} // an earlier attempt was voided in the meantime: start the next one
	}
	return reply{}, outcomeUnknown()
}

// stored answers from the key's record if it is decided.
func (s *Service) stored(k keying) (r reply, err error, known bool) {
	s.m.db.View(func() {
		rec, ok := s.m.keys.Get(keyOf(k.Scope, k.Key))
		if !ok || s.m.skipDedupe {
			return
		}
		res, decided := answerOf(rec, k.BodyHash)
		if known = decided; !decided {
			return
		}
		r = reply{raw: res.raw, status: res.status, replay: res.replay}
		if res.err != nil {
			err = res.err
		}
	})
	return r, err, known
}

// contactData is what is sealed in an order; profileData what is sealed in an account.
type contactData struct {
	Email   string      `json:"email"`
	Address api.Address `json:"address"`
}

type profileData struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

const (
	purposeContact = "order.contact"
	purposeProfile = "customer.profile"
)

// reserveCommand seals the buyer's data and draws the ids.
func (s *Service) reserveCommand(c *call, req api.CheckoutRequest) (reserveCmd, error) {
	at := s.m.Index()
	cmd := reserveCmd{
		Cart: req.Cart, Order: fmt.Sprintf("o%d-%s", at.Timeline, newRecordID(10)), Secret: newID(16), Version: req.Version, Country: req.ShippingAddress.Country,
		Method: req.ShippingMethod, Provider: req.Payment.Provider, Customer: c.customer,
		Visitor: short(req.Visitor), Session: short(req.Session),
	}
	_, cmd.Given = s.freshCart(req.Cart)
	s.m.db.View(func() {
		if s.m.rooms.Len() > 0 {
			cmd.Tickets, cmd.Client, cmd.Token = ticketsOf(req.Tickets), truncate(req.Client, 64), s.cfg.Keyring.LookupHash("token", req.Payment.Token)
		}
	})
	var wrapped []byte
	if c.customer != "" {
		cmd.Person = personOfCustomer(c.customer)
		s.m.db.View(func() {
			if p, ok := s.m.persons.Get(cmd.Person); ok {
				wrapped = p.Wrapped
			}
		})
	}
	if wrapped == nil {
		cmd.Person = "o:" + cmd.Order
		var err error
		if wrapped, err = s.cfg.Keyring.NewPerson(); err != nil {
			return cmd, api.Internal(fmt.Errorf("make a person's key: %w", err))
		}
		cmd.Wrapped = wrapped
	}
	plain, err := json.Marshal(contactData{req.Email, req.ShippingAddress})
	if err != nil {
		return cmd, api.Internal(err)
	}
	if cmd.Contact, err = s.cfg.Keyring.Seal(wrapped, purposeContact, plain); err != nil {
		return cmd, api.Internal(fmt.Errorf("seal contact: %w", err))
	}
	return cmd, nil
}

// short drops an identifier of the clickstream that cannot be one.
func short(id string) string {
	if len(id) > 64 || !clean(id) {
		return ""
	}
	return id
}

// errVoided says that the attempt's key is void at the provider.
var errVoided = errors.New("the attempt was voided")

// pay takes a reservation to its outcome: committed, declined, or released because the provider
// cannot be reached. Only a provider's own word decides; silence is asked again.
func (s *Service) pay(ctx context.Context, res reservation, token string) (reply, error) {
	p, err := s.cfg.Payments.Authorize(ctx, PaymentRequest{Key: res.PayKey, Order: res.Order, Token: token, Amount: res.Amount, Currency: res.Currency})
	switch {
	case err == nil:
	case errors.Is(err, ErrPaymentsNotAsked) && !res.Again:
		p, err = PaymentResult{State: PaymentVoided}, nil
	default:
		p, err = s.settle(ctx, res, err)
	}
	if err != nil {
		s.slog.Warn("payment outcome unknown", "order", res.Order, "error", err)
		return reply{}, outcomeUnknown()
	}
	return s.conclude(ctx, res, p)
}

// settle finds out what became of a payment whose answer was lost: it asks for a while, and a key the
// provider does not know is voided, so that it can never become a charge.
func (s *Service) settle(ctx context.Context, res reservation, cause error) (PaymentResult, error) {
	pause := 100 * time.Millisecond
	for try := 0; try < 4; try++ {
		p, err := s.cfg.Payments.Lookup(ctx, res.PayKey)
		if err == nil && p.State != PaymentUnknown {
			return p, nil
		}
		if err == nil { // the provider has not seen it: make that final
			if err = s.decideVoid(ctx, res); err == nil {
				p, err = s.cfg.Payments.Void(ctx, res.PayKey)
			}
			if err == nil {
				return p, nil
			}
		}
		cause = err
		select {
		case <-ctx.Done():
			return PaymentResult{}, ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
	return PaymentResult{}, cause
}

// errDecided says that the log has decided an attempt otherwise.
var errDecided = errors.New("the attempt was decided meanwhile")

// decideVoid writes down that an attempt fails, before the provider is told: another leader's request with the
// same key may reach the provider in between, and its order must not be paid with money that goes back.
func (s *Service) decideVoid(ctx context.Context, res reservation) error {
	if _, err := s.decide(ctx, cmdPaymentState, paymentStateCmd{Order: res.Order, From: payInFlight, To: payVoiding, Attempt: res.Attempt}); err != nil {
		return err
	}
	err := errDecided
	s.m.db.View(func() {
		if o, ok := s.m.orders.Get(res.Order); ok && o.Reserved && o.Payment.Attempt == res.Attempt && o.Payment.State == payVoiding {
			err = nil
		}
	})
	return err
}

// conclude writes a provider's word into the log.
func (s *Service) conclude(ctx context.Context, res reservation, p PaymentResult) (reply, error) {
	switch p.State {
	case PaymentAuthorized, PaymentCaptured:
		r, err := s.decide(ctx, cmdCommit, commitCmd{Order: res.Order, Attempt: res.Attempt, Charge: p.Charge})
		if api.CodeOf(err) == api.CodeConflict || api.CodeOf(err) == api.CodeNotFound {
			return s.giveBack(ctx, res)
		}
		return r, err
	case PaymentDeclined:
		r, err := s.decide(ctx, cmdRelease, releaseCmd{Order: res.Order, Attempt: res.Attempt, Declined: true, DeclineCode: p.DeclineCode})
		if err == nil { // somebody else wrote the decline down: the answer is under the key
			err = errVoided
		}
		return r, err
	case PaymentVoided, PaymentRefunded: // refunded: by a restore, which gave the money of a lost order back
		r, err := s.decide(ctx, cmdRelease, releaseCmd{Order: res.Order, Attempt: res.Attempt})
		if err != nil {
			return r, err
		}
		if res.Again {
			return reply{}, errVoided
		}
		return reply{}, paymentUnavailable()
	}
	return reply{}, api.Internal(fmt.Errorf("payment of %s is %q after it was asked for", res.Order, p.State))
}

// decide proposes the end of an attempt. The provider has been asked, so a log that takes nothing right
// now is tried again, and a lost lead leaves the outcome open: neither means that nothing happened.
func (s *Service) decide(ctx context.Context, t commandType, cmd any) (reply, error) {
	for {
		r, err := s.propose(ctx, t, keying{}, cmd)
		switch api.CodeOf(err) {
		case api.CodeNotLeader, api.CodeNoLeader:
			return reply{}, outcomeUnknown().WithCause(err)
		case api.CodeOverloaded:
		default:
			return r, err
		}
		select {
		case <-ctx.Done():
			return reply{}, outcomeUnknown().WithCause(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// giveBack voids a payment whose reservation ended before the commit, or whose attempt was to fail, and says so.
func (s *Service) giveBack(ctx context.Context, res reservation) (reply, error) {
	p, err := s.cfg.Payments.Void(ctx, res.PayKey)
	if err == nil && (p.State == PaymentVoided || p.State == PaymentDeclined) {
		if _, err := s.decide(ctx, cmdRelease, releaseCmd{Order: res.Order, Attempt: res.Attempt}); err != nil {
			return reply{}, err
		}
		return reply{}, paymentUnavailable()
	}
	s.slog.Error("void after a reservation ended", "order", res.Order, "state", string(p.State), "error", err)
	return reply{}, outcomeUnknown()
}
