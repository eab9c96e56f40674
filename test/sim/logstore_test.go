package sim

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
)

// TestWritersShareACompaction: two that write while the log is written anew lose nothing.
func TestWritersShareACompaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(rand.New(rand.NewPCG(1, 2)))
		s, err := openLog(d.attach())
		if err != nil {
			t.Fatal(err)
		}
		const rounds = 300
		value := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 8<<10) }
		keys := []string{"a", "b", "c"}
		var wg sync.WaitGroup
		for _, k := range keys {
			wg.Go(func() {
				for i := range rounds {
					if err := s.Set([]byte(k), value(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if s.size > compactBytes+len(keys)*(8<<10+64) {
			t.Fatalf("the log has %d bytes: it was never written anew", s.size)
		}
		again, err := openLog(d.attach())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if got, err := again.Get([]byte(k)); err != nil || !bytes.Equal(got, value(rounds-1)) {
				t.Errorf("%s: %d bytes of the last value are gone (%v)", k, len(got), err)
			}
		}
	})
}
