package core

import (
	"context"
	"errors"
	"time"
)

// ErrPaymentsNotAsked is matched by an error of Payments when the provider was not asked at all, for
// example because its circuit breaker is open: nothing can have been charged by that call.
var ErrPaymentsNotAsked = errors.New("the payment provider was not asked")

// ErrPaymentsRefused is matched by an error of Payments when the provider understood and refused: asking
// again will not help.
var ErrPaymentsRefused = errors.New("the payment provider refused")

// Payments is a payment provider, as the checkout needs it. Every call carries the key that was
// replicated before it, so repeating a call is harmless. Implemented by core/payments.
type Payments interface {
	// Authorize reserves the money. A decline is a result; an error means that the outcome is unknown.
	Authorize(ctx context.Context, r PaymentRequest) (PaymentResult, error)
	// Lookup asks what became of a key: PaymentUnknown if the provider never saw it.
	Lookup(ctx context.Context, key string) (PaymentResult, error)
	// Capture takes authorized money. Repeating it is harmless.
	Capture(ctx context.Context, key string) (PaymentResult, error)
	// Void gives authorized money back and makes sure that a late Authorize with this key fails;
	// a key the provider never saw is voided too.
	Void(ctx context.Context, key string) (PaymentResult, error)
	// Refund gives captured money back; refundKey makes it idempotent.
	Refund(ctx context.Context, key, refundKey string, amount int64) (PaymentResult, error)
	// Changed lists the charges that were made or changed since a time, a page at a time: next goes
	// into after, and is empty at the end.
	Changed(ctx context.Context, since time.Time, after string) (charges []PaymentCharge, next string, err error)
}

// PaymentCharge is a charge as the provider's list has it.
type PaymentCharge struct {
	PaymentResult
	Key      string
	Captured int64
	Amount   int64
	Currency string
}

// PaymentRequest asks for money.
type PaymentRequest struct {
	Key      string // timeline/order/attempt/authorize
	Order    string
	Token    string
	Amount   int64 // minor units
	Currency string
}

// PaymentState is where a charge stands at the provider.
type PaymentState string

// The states of a charge.
const (
	PaymentUnknown    PaymentState = "unknown" // the provider has not seen the key
	PaymentAuthorized PaymentState = "authorized"
	PaymentCaptured   PaymentState = "captured"
	PaymentVoided     PaymentState = "voided"
	PaymentDeclined   PaymentState = "declined"
	PaymentRefunded   PaymentState = "refunded"
)

// PaymentResult is a provider's answer.
type PaymentResult struct {
	State       PaymentState
	Charge      string // the provider's id
	DeclineCode string
	Refunded    int64
}

// Mailer sends a mail. An error means that it may be repeated.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Mail is a message in text and HTML. ID makes repeats recognisable (Message-ID).
type Mail struct {
	ID      string
	To      string
	Subject string
	Text    string
	HTML    string
}
