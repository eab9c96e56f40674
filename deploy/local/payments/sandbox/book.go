package sandbox

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Refusals. Each leaves everything as it was.
var (
	// ErrKeyReused says that the key was used with another body.
	ErrKeyReused = errors.New("this key was used for another request")
	// ErrState says that the charge's state does not allow the operation.
	ErrState = errors.New("the charge's state does not allow this")
	// ErrNotFound says that the provider never saw the key.
	ErrNotFound = errors.New("no charge has this key")
	// ErrTooMuch says that more would be given back than was taken.
	ErrTooMuch = errors.New("more than was captured cannot be refunded")
	// ErrFull says that the sandbox holds as many charges as it can.
	ErrFull = errors.New("the sandbox is full; stop it and delete its ledger")
)

// maxCharges bounds memory: about 500 MB.
const maxCharges = 1_000_000

// entry is a charge with what idempotency needs to know about it.
type entry struct {
	Charge
	token     string
	tombstone bool // voided before it was ever authorised
	refunds   map[string]int64
}

// book is the state that the ledger's records make. Changes go through record and apply, both when
// they happen and when they are replayed.
type book struct {
	mu      sync.Mutex
	ledger  *Ledger
	now     func() time.Time
	byKey   map[string]*entry
	byOrder map[string][]*entry
	all     []*entry
}

func newBook(now func() time.Time) *book {
	return &book{now: now, byKey: map[string]*entry{}, byOrder: map[string][]*entry{}}
}

// replay is given each payload of the ledger at start.
func (b *book) replay(payload []byte) error {
	r, err := decodeRecord(payload)
	if err != nil {
		return err
	}
	e := b.byKey[r.Key]
	known := e != nil
	switch {
	case r.kind == kindAuthorise && known:
		return errors.New("a key that was authorised twice")
	case (r.kind == kindCapture || r.kind == kindRefund) && !known:
		return fmt.Errorf("a record of kind %d for a key that was never authorised", r.kind)
	case r.kind == kindRefund && (r.Amount < 1 || r.Amount > e.Captured-e.Refunded):
		return fmt.Errorf("a refund of %d where %d was left", r.Amount, e.Captured-e.Refunded)
	case !known && len(b.all) >= maxCharges:
		return ErrFull
	}
	b.apply(r)
	return nil
}

func (b *book) apply(r record) *entry {
	e := b.byKey[r.Key]
	if e == nil {
		e = &entry{Charge: Charge{ID: fmt.Sprintf("ch_%08d", len(b.all)+1), Key: r.Key, CreatedAt: r.At}}
		b.byKey[r.Key] = e
		b.all = append(b.all, e)
	}
	e.ChangedAt = r.At
	switch r.kind {
	case kindAuthorise:
		e.Order, e.Amount, e.Currency, e.token = r.Order, r.Amount, r.Currency, r.Token
		e.State, e.DeclineCode = StateAuthorized, r.DeclineCode
		if r.DeclineCode != "" {
			e.State = StateDeclined
		}
		b.byOrder[r.Order] = append(b.byOrder[r.Order], e)
	case kindCapture:
		e.State, e.Captured = StateCaptured, e.Amount
	case kindVoid:
		e.tombstone = e.State == ""
		e.State = StateVoided
	case kindRefund:
		if e.refunds == nil {
			e.refunds = map[string]int64{}
		}
		e.refunds[r.RefundKey] = r.Amount
		e.Refunded += r.Amount
		if e.Refunded >= e.Captured {
			e.State = StateRefunded
		}
	}
	return e
}

// record makes a change and queues it for the disk.
func (b *book) record(r record) Charge {
	r.At = b.now().UTC().Format(time.RFC3339Nano)
	e := b.apply(r)
	b.ledger.Append(r.encode())
	return e.Charge
}

// authorise answers the charge, and whether it is new. A key that was voided before stays voided.
func (b *book) authorise(a Authorisation) (c Charge, fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byKey[a.Key]; e != nil {
		same := e.Order == a.Order && e.token == a.Token && e.Amount == a.Amount && e.Currency == a.Currency
		if !e.tombstone && !same {
			return e.Charge, false, ErrKeyReused
		}
		return e.Charge, false, nil
	}
	if len(b.all) >= maxCharges {
		return Charge{}, false, ErrFull
	}
	r := record{kind: kindAuthorise, Key: a.Key, Order: a.Order, Token: a.Token, Amount: a.Amount, Currency: a.Currency}
	switch card(a.Token) {
	case TokenOK, TokenSlow, TokenUnknown:
	case TokenDeclined:
		r.DeclineCode = "card_declined"
	default:
		r.DeclineCode = "invalid_token"
	}
	return b.record(r), true, nil
}

func (b *book) lookup(key string) (Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byKey[key]; e != nil {
		return e.Charge, nil
	}
	return Charge{}, ErrNotFound
}

func (b *book) capture(key string) (Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byKey[key]
	switch {
	case e == nil:
		return Charge{}, ErrNotFound
	case e.State == StateCaptured, e.State == StateRefunded:
		return e.Charge, nil
	case e.State != StateAuthorized:
		return e.Charge, ErrState
	}
	return b.record(record{kind: kindCapture, Key: key}), nil
}

func (b *book) void(key string) (Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byKey[key]
	switch {
	case e == nil && len(b.all) >= maxCharges:
		return Charge{}, ErrFull
	case e == nil, e.State == StateAuthorized:
		return b.record(record{kind: kindVoid, Key: key}), nil
	case e.State == StateVoided, e.State == StateDeclined:
		return e.Charge, nil
	}
	return e.Charge, ErrState
}

func (b *book) refund(key, refundKey string, amount int64) (Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byKey[key]
	if e == nil {
		return Charge{}, ErrNotFound
	}
	if done, ok := e.refunds[refundKey]; ok {
		if done != amount {
			return e.Charge, ErrKeyReused
		}
		return e.Charge, nil
	}
	switch {
	case e.State != StateCaptured:
		return e.Charge, ErrState
	case amount > e.Captured-e.Refunded:
		return e.Charge, ErrTooMuch
	}
	return b.record(record{kind: kindRefund, Key: key, RefundKey: refundKey, Amount: amount}), nil
}

// list answers the charges of an order, or all after a charge's id, of those that changed at or after
// since; at most limit, and whether more follow.
func (b *book) list(order, after string, since time.Time, limit int) (items []Charge, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	items = []Charge{}
	from := b.all
	if order != "" {
		from = b.byOrder[order]
	}
	for _, e := range from {
		// Ids have a fixed width, so they sort as they were given.
		if after != "" && e.ID <= after {
			continue
		}
		if !since.IsZero() {
			if at, err := time.Parse(time.RFC3339Nano, e.ChangedAt); err == nil && at.Before(since) {
				continue
			}
		}
		if len(items) == limit {
			return items, true
		}
		items = append(items, e.Charge)
	}
	return items, false
}

// newest answers the latest charges, newest first.
func (b *book) newest(limit int) (items []Charge, total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.all) - 1; i >= 0 && len(items) < limit; i-- {
		items = append(items, b.all[i].Charge)
	}
	return items, len(b.all)
}

// states counts the charges by state.
func (b *book) states() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := map[string]int{}
	for _, e := range b.all {
		n[e.State]++
	}
	return n
}
