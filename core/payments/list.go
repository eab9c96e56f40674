package payments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"meridian/core"
)

// pageSize is how many charges are asked for at once.
const pageSize = 200

// Changed implements core.Payments.
func (c *Client) Changed(ctx context.Context, since time.Time, after string) ([]core.PaymentCharge, string, error) {
	q := url.Values{"changed_since": {since.UTC().Format(time.RFC3339Nano)}, "limit": {strconv.Itoa(pageSize)}}
	if after != "" {
		q.Set("after", after)
	}
	a, err := c.ask(ctx, http.MethodGet, nil, q, []string{"charges"})
	if err != nil {
		return nil, "", err
	}
	if a.status != http.StatusOK {
		_, err := refused("list", a)
		return nil, "", err
	}
	var page struct {
		Items []struct {
			charge
			Key      string `json:"key"`
			Amount   int64  `json:"amount"`
			Captured int64  `json:"captured"`
			Currency string `json:"currency"`
		} `json:"items"`
		Next string `json:"next"`
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		return nil, "", fmt.Errorf("payments: list: an unreadable answer: %w", err)
	}
	out := make([]core.PaymentCharge, 0, len(page.Items))
	for _, it := range page.Items {
		r, err := it.result()
		if err != nil {
			return nil, "", fmt.Errorf("payments: list: charge %s: %w", it.ID, err)
		}
		out = append(out, core.PaymentCharge{PaymentResult: r, Key: it.Key, Amount: it.Amount, Captured: it.Captured, Currency: it.Currency})
	}
	return out, page.Next, nil
}
