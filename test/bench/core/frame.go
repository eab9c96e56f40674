package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"meridian/api"
)

// readsPerFrame is how many levels are read at once.
const readsPerFrame = 250

// staffCall is a call of a frame as an edge would send it: with its key, its credential, its request id
// and its patience.
func staffCall(endpoint, key, body string, patience int64) api.FrameCall {
	return api.FrameCall{Name: endpoint, Key: key, RequestID: key, Credential: "staff:" + staffToken, DeadlineMS: patience, Body: body}
}

// allSucceeded tells, without garbage, whether a frame's answer has n results which are all 200.
// It may say no of one that has: then the answer is decoded.
func allSucceeded(b []byte, n int) bool {
	ok := true
	number := func() uint64 {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[k:]
		return v
	}
	skip := func(k uint64) {
		if k > uint64(len(b)) {
			ok, k = false, uint64(len(b))
		}
		b = b[k:]
	}
	skip(1) // version
	if number() != uint64(n) {
		return false
	}
	for range n {
		if number() != 200 {
			return false
		}
		skip(1) // flags
		number()
		number()       // index
		skip(number()) // leader
		skip(number()) // body
	}
	return ok && len(b) == 0
}

// readLevels reads the stock of the SKUs from number lo up to hi, exactly.
func readLevels(w *wire, lo, hi int) ([]int64, error) {
	var calls []api.FrameCall
	for sku := lo; sku < hi; sku++ {
		body, err := json.Marshal(api.StockQuery{SKU: skuName(sku)})
		if err != nil {
			return nil, err
		}
		calls = append(calls, staffCall(api.StockGet.Name, "", string(body), w.patience.Milliseconds()))
	}
	w.out = appendBody(appendHead(w.out[:0], "frame", w.patience), api.FrameType, api.Frame{Calls: calls}.Append(nil))
	status, body, err := w.exchange()
	if err != nil {
		return nil, err
	}
	if status != 200 {
		return nil, fmt.Errorf("frame: %d %s", status, body)
	}
	results, err := api.ParseFrameResults(body, len(calls))
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(calls))
	for i, r := range results.Results {
		var level api.StockLevel
		if err := json.Unmarshal(r.Body, &level); err != nil || r.Status != 200 {
			return nil, fmt.Errorf("stock of %s: %d %s", skuName(lo+i), r.Status, r.Body)
		}
		out[i] = level.OnHand
	}
	return out, nil
}
