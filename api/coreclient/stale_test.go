package coreclient

import (
	"sync"
	"testing"
	"time"

	"meridian/api"
)

// A core that is started again at the same address leaves a pool of dead connections behind. Learning
// that one by one, with a pause after each, kept buyers waiting for up to half a minute.
func TestDeadConnectionsAreDroppedTogether(t *testing.T) {
	w := newWire(t, "core-eu")
	w.hold = make(chan struct{})
	c := w.client(t, nil)
	ep := api.StockAdjust
	ep.Slow = true // travels alone, so that every call has a connection
	var wg sync.WaitGroup
	const calls = 40
	for range calls {
		wg.Go(func() {
			if _, _, err := Do(within(t, 5*time.Second), c, ep, api.AdjustStock{SKU: "A", Delta: 1}, api.Call{}); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "all calls to arrive", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.arrived == calls })
	close(w.hold)
	wg.Wait()
	w.servers["core-eu"].CloseClientConnections()
	if _, _, err := Do(within(t, time.Second), c, ep, api.AdjustStock{SKU: "A", Delta: 1}, api.Call{}); err != nil {
		t.Fatal(err)
	}
}
