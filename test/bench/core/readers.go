package main

import "fmt"

// reader reads the stock of a SKU from the leader.
type reader struct {
	*caller
	endpoint string
	body     []byte
}

func (r *reader) do(commands []command) error {
	w := r.wire
	for i := range commands {
		r.body = append(append(append(r.body[:0], `{"sku":"`...), skuNames[commands[i].sku]...), `"}`...)
		w.out = appendHead(w.out[:0], r.endpoint, r.patience)
		w.out = appendHeader(w.out, "X-Meridian-Credential", "staff:"+staffToken)
		w.out = appendBody(w.out, "application/json", r.body)
		status, body, err := w.exchange()
		if err != nil {
			return err
		}
		if status != 200 {
			return fmt.Errorf("%s: %d %s", r.endpoint, status, body)
		}
	}
	return nil
}
