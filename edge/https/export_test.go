package https

import (
	"context"
	"sync"
	"testing"
	"time"
)

// RunEvery is Run with other looks. It ends with stop.
func (f *Files) RunEvery(t testing.TB, every time.Duration) (stop func()) {
	f.every = every
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// Look is what Run does again and again.
func (f *Files) Look() { f.look(time.Now()) }
