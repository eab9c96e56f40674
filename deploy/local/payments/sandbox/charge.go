package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The states of a charge.
const (
	StateAuthorized = "authorized"
	StateCaptured   = "captured"
	StateVoided     = "voided"
	StateDeclined   = "declined"
	StateRefunded   = "refunded"
)

// The tokens this provider knows, each also with a dot and more behind it, as tok_ok.17: real cards have tokens of their own. Any other is
// declined as invalid_token.
const (
	TokenOK       = "tok_ok"
	TokenDeclined = "tok_declined" // declined as card_declined
	TokenSlow     = "tok_slow"     // answers after Config.Slow
	TokenError    = "tok_error"    // answers 500, charges nothing
	TokenUnknown  = "tok_unknown"  // authorises, but does not answer the first time
)

// card is what a token makes the provider do.
func card(token string) string {
	kind, _, _ := strings.Cut(token, ".")
	return kind
}

// Charge is what became of one key.
type Charge struct {
	ID          string `json:"id"`
	Key         string `json:"key"`
	Order       string `json:"order"`
	Amount      int64  `json:"amount"` // minor units
	Currency    string `json:"currency"`
	State       string `json:"state"`
	DeclineCode string `json:"decline_code"`
	Captured    int64  `json:"captured"`
	Refunded    int64  `json:"refunded"`
	CreatedAt   string `json:"created_at"` // RFC 3339 UTC
	ChangedAt   string `json:"changed_at"`
}

// Authorisation is the body of POST /charges.
type Authorisation struct {
	Key      string `json:"key"`
	Order    string `json:"order"`
	Token    string `json:"token"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

const (
	maxKeyBytes = 256
	maxAmount   = 1_000_000_000_000
)

func validKey(name, key string) error {
	if key == "" || len(key) > maxKeyBytes {
		return fmt.Errorf("%s: give 1 to %d visible ASCII characters", name, maxKeyBytes)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return fmt.Errorf("%s: give 1 to %d visible ASCII characters", name, maxKeyBytes)
		}
	}
	return nil
}

func (a Authorisation) validate() error {
	if err := validKey("key", a.Key); err != nil {
		return err
	}
	if err := validKey("order", a.Order); err != nil {
		return err
	}
	if len(a.Token) > maxKeyBytes {
		return fmt.Errorf("token: give at most %d characters", maxKeyBytes)
	}
	if a.Amount < 0 || a.Amount > maxAmount {
		return fmt.Errorf("amount: give minor units, 0 to %d", int64(maxAmount))
	}
	if len(a.Currency) != 3 {
		return fmt.Errorf("currency: give an ISO 4217 code such as EUR")
	}
	for i := range 3 {
		if a.Currency[i] < 'A' || a.Currency[i] > 'Z' {
			return fmt.Errorf("currency: give an ISO 4217 code such as EUR")
		}
	}
	return nil
}

// The kinds of ledger records. Numbers are for ever.
const (
	recordVersion = 1

	kindAuthorise = 1
	kindCapture   = 2
	kindVoid      = 3
	kindRefund    = 4
)

// record is one change. Fields are used as the kind needs them.
type record struct {
	kind byte

	Key         string `json:"key"`
	Order       string `json:"order,omitempty"`
	Token       string `json:"token,omitempty"`
	Amount      int64  `json:"amount,omitempty"`
	Currency    string `json:"currency,omitempty"`
	DeclineCode string `json:"decline_code,omitempty"`
	RefundKey   string `json:"refund_key,omitempty"`
	At          string `json:"at"`
}

// encode gives version, kind and JSON.
func (r record) encode() []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic("sandbox: a record of strings and numbers does not encode: " + err.Error())
	}
	return append([]byte{recordVersion, r.kind}, body...)
}

func decodeRecord(payload []byte) (record, error) {
	if len(payload) < 2 || payload[0] != recordVersion {
		return record{}, fmt.Errorf("a record this program does not know; start the newer one")
	}
	r := record{kind: payload[1]}
	if r.kind < kindAuthorise || r.kind > kindRefund {
		return record{}, fmt.Errorf("record kind %d is not known; start the newer program", r.kind)
	}
	if err := json.Unmarshal(payload[2:], &r); err != nil {
		return record{}, fmt.Errorf("record of kind %d: %w", r.kind, err)
	}
	return r, nil
}
