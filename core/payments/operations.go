package payments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"meridian/core"
)

// charge is the provider's view of one key.
type charge struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	DeclineCode string `json:"decline_code"`
	Refunded    int64  `json:"refunded"`
}

// refusal is an answer of 4xx; Charge is where the charge stands, if there is one.
type refusal struct {
	Code   string  `json:"code"`
	Detail string  `json:"detail"`
	Charge *charge `json:"charge"`
}

// Authorize implements core.Payments. A key that was voided before answers PaymentVoided.
func (c *Client) Authorize(ctx context.Context, r core.PaymentRequest) (core.PaymentResult, error) {
	a, err := c.call(ctx, http.MethodPost, map[string]any{
		"key": r.Key, "order": r.Order, "token": r.Token, "amount": r.Amount, "currency": r.Currency,
	}, "charges")
	if err != nil {
		return core.PaymentResult{}, err
	}
	if a.status != http.StatusOK {
		return refused("authorize", a)
	}
	return result(a)
}

// Lookup implements core.Payments.
func (c *Client) Lookup(ctx context.Context, key string) (core.PaymentResult, error) {
	a, err := c.call(ctx, http.MethodGet, nil, "charges", key)
	if err != nil {
		return core.PaymentResult{}, err
	}
	return standing("lookup", a)
}

// Capture implements core.Payments. The result says where the charge stands: only PaymentCaptured
// (or PaymentRefunded, later) means that the money was taken.
func (c *Client) Capture(ctx context.Context, key string) (core.PaymentResult, error) {
	a, err := c.call(ctx, http.MethodPost, nil, "charges", key, "capture")
	if err != nil {
		return core.PaymentResult{}, err
	}
	return standing("capture", a)
}

// Void implements core.Payments. The result says where the charge stands: PaymentCaptured means
// that it was too late.
func (c *Client) Void(ctx context.Context, key string) (core.PaymentResult, error) {
	a, err := c.call(ctx, http.MethodPost, nil, "charges", key, "void")
	if err != nil {
		return core.PaymentResult{}, err
	}
	return standing("void", a)
}

// Refund implements core.Payments. A refund that was not made is ErrRefused, with the charge as it stands.
func (c *Client) Refund(ctx context.Context, key, refundKey string, amount int64) (core.PaymentResult, error) {
	a, err := c.call(ctx, http.MethodPost, map[string]any{"refund_key": refundKey, "amount": amount}, "charges", key, "refund")
	if err != nil {
		return core.PaymentResult{}, err
	}
	if a.status != http.StatusOK {
		return refused("refund", a)
	}
	return result(a)
}

// standing answers where a charge stands, also when the provider would not change it.
func standing(op string, a answer) (core.PaymentResult, error) {
	switch a.status {
	case http.StatusOK:
		return result(a)
	case http.StatusNotFound:
		return core.PaymentResult{State: core.PaymentUnknown}, nil
	case http.StatusConflict:
		var r refusal
		if err := json.Unmarshal(a.body, &r); err == nil && r.Code == "state" && r.Charge != nil {
			return r.Charge.result()
		}
	}
	return refused(op, a)
}

func refused(op string, a answer) (core.PaymentResult, error) {
	var r refusal
	if err := json.Unmarshal(a.body, &r); err != nil {
		return core.PaymentResult{}, fmt.Errorf("payments: %s: status %d with an unreadable body: %w", op, a.status, err)
	}
	var res core.PaymentResult
	if r.Charge != nil {
		// A state this client does not know must not hide the refusal itself.
		res, _ = r.Charge.result()
	}
	return res, fmt.Errorf("payments: %s: %w: %s (%s)", op, ErrRefused, r.Detail, r.Code)
}

func result(a answer) (core.PaymentResult, error) {
	var c charge
	if err := json.Unmarshal(a.body, &c); err != nil {
		return core.PaymentResult{}, fmt.Errorf("payments: outcome unknown: an unreadable answer: %w", err)
	}
	return c.result()
}

func (c charge) result() (core.PaymentResult, error) {
	switch s := core.PaymentState(c.State); s {
	case core.PaymentAuthorized, core.PaymentCaptured, core.PaymentVoided, core.PaymentDeclined, core.PaymentRefunded:
		return core.PaymentResult{State: s, Charge: c.ID, DeclineCode: c.DeclineCode, Refunded: c.Refunded}, nil
	}
	return core.PaymentResult{}, fmt.Errorf("payments: outcome unknown: the provider answered state %q", c.State)
}
