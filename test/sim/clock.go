package sim

import (
	"sync"
	"time"
)

// nodeClock is a machine's clock: its time of day may be off and jump; its oscillator is a little too fast
// or too slow, but never stands still.
type nodeClock struct {
	mu    sync.Mutex
	off   time.Duration
	drift float64 // seconds a second
	boot  time.Time
}

func (c *nodeClock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

// Elapsed counts from the last start of the process.
func (c *nodeClock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	real := time.Since(c.boot)
	return real + time.Duration(float64(real)*c.drift)
}

func (c *nodeClock) set(off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

func (c *nodeClock) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.boot = time.Now()
}
