package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"meridian/api"
)

// frameType is the content type of a frame.
const frameType = "application/json"

// readsPerFrame is how many levels are read at once.
const readsPerFrame = 250

// frameCall is one call of a frame.
type frameCall struct {
	endpoint string
	key      []byte // empty for a read
	body     []byte
}

// appendFrame encodes a frame as an edge would: each call with its key, its credential, its request id
// and its patience.
func appendFrame(b []byte, calls []frameCall, patience int64) []byte {
	b = append(b, `{"calls":[`...)
	for i, c := range calls {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":"`...)
		b = append(b, c.endpoint...)
		if len(c.key) > 0 {
			b = append(b, `","key":"`...)
			b = append(b, c.key...)
			b = append(b, `","request_id":"`...)
			b = append(b, c.key...)
		}
		b = append(b, `","credential":"staff:`+staffToken+`","deadline_ms":`...)
		b = fmt.Appendf(b, "%d", patience)
		b = append(b, `,"body":`...)
		b = append(b, c.body...)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// frameResults decodes an answer to a frame of n calls.
func frameResults(body []byte, n int) ([]api.FrameResult, error) {
	var out api.FrameResults
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, fmt.Errorf("frame's answer: %w", err)
	}
	if len(out.Results) != n {
		return nil, fmt.Errorf("a frame of %d calls got %d results", n, len(out.Results))
	}
	return out.Results, nil
}

var succeeded = []byte(`"status":200`)

// allSucceeded tells, without decoding it, whether every one of n calls was answered with 200.
func allSucceeded(body []byte, n int) bool { return bytes.Count(body, succeeded) == n }

// readLevels reads the stock of the SKUs from number lo up to hi, exactly.
func readLevels(w *wire, lo, hi int) ([]int64, error) {
	var calls []frameCall
	for sku := lo; sku < hi; sku++ {
		body, err := json.Marshal(api.StockQuery{SKU: skuName(sku)})
		if err != nil {
			return nil, err
		}
		calls = append(calls, frameCall{endpoint: api.StockGet.Name, body: body})
	}
	w.out = appendBody(appendHead(w.out[:0], "frame", w.patience), frameType, appendFrame(nil, calls, w.patience.Milliseconds()))
	status, body, err := w.exchange()
	if err != nil {
		return nil, err
	}
	if status != 200 {
		return nil, fmt.Errorf("frame: %d %s", status, body)
	}
	results, err := frameResults(body, len(calls))
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(results))
	for i, r := range results {
		var level api.StockLevel
		if err := json.Unmarshal(r.Body, &level); err != nil || r.Status != 200 {
			return nil, fmt.Errorf("stock of %s: %d %s", skuName(lo+i), r.Status, r.Body)
		}
		out[i] = level.OnHand
	}
	return out, nil
}
