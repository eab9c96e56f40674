package analytics

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats is a moment's view of counters, for metrics. Counters start at zero with the process.
type Stats struct {
	// Events taken in.
	Accepted           int64 // rows synced to the spool
	Repeats            int64 // events dropped because this edge has just stored their id
	Bots               int64 // events of programs, stored and marked
	Invalid            int64 // batches refused as not well formed
	DroppedImpressions int64 // for lack of space
	DroppedViews       int64 // for lack of space
	Refused            int64 // rows refused for lack of space

	// The spool.
	SpoolBytes    int64 // of segments that wait
	SpoolSegments int64
	DeadBytes     int64
	DeadBatches   int64 // set aside since the start
	DeadDeleted   int64 // deleted to make room for newer ones
	TornTails     int64 // cut at the start

	// Delivery.
	Connected      bool
	LastError      string // empty when the last attempt succeeded
	LastDelivery   time.Time
	DeliveredRows  int64
	DeliveredBatch int64
	Retries        int64
	Reinserted     int64 // batches that ClickHouse had acknowledged without holding them
	OutboxEntries  int64
	OutboxSlices   int64

	// Erasures that ClickHouse has not carried out, and when the oldest of them was asked for; zero without any.
	ErasuresWaiting int64
	ErasureOldest   time.Time
}

// deliveryStats counts what happens on the way to ClickHouse.
type deliveryStats struct {
	repeats, bots, invalid             atomic.Int64
	rows, batches, retries, reinserted atomic.Int64
	outboxEntries, outboxSlices        atomic.Int64

	mu      sync.Mutex
	lastErr string
	last    time.Time
}

func (d *deliveryStats) delivered(rows int) {
	d.rows.Add(int64(rows))
	d.batches.Add(1)
	d.reached()
	d.mu.Lock()
	d.last = time.Now()
	d.mu.Unlock()
}

func (d *deliveryStats) reached() {
	d.mu.Lock()
	d.lastErr = ""
	d.mu.Unlock()
}

func (d *deliveryStats) retried(err error) {
	d.retries.Add(1)
	d.failed(err)
}

func (d *deliveryStats) failed(err error) {
	d.mu.Lock()
	d.lastErr = err.Error()
	d.mu.Unlock()
}

// Stats reads all counters.
func (a *Analytics) Stats() Stats {
	if a == nil {
		return Stats{}
	}
	s := a.spool.stats()
	d := &a.stats
	s.Repeats, s.Bots, s.Invalid = d.repeats.Load(), d.bots.Load(), d.invalid.Load()
	s.DeliveredRows, s.DeliveredBatch = d.rows.Load(), d.batches.Load()
	s.Retries, s.Reinserted = d.retries.Load(), d.reinserted.Load()
	s.OutboxEntries, s.OutboxSlices = d.outboxEntries.Load(), d.outboxSlices.Load()
	d.mu.Lock()
	s.LastError, s.LastDelivery = d.lastErr, d.last
	d.mu.Unlock()
	a.erasures.mu.Lock()
	s.ErasuresWaiting, s.ErasureOldest = int64(a.erasures.waiting), a.erasures.since
	a.erasures.mu.Unlock()
	s.Connected = a.warehouse.Load() != nil && s.LastError == ""
	return s
}

func (s *Spool) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counter
	return Stats{
		Accepted: c.accepted, DroppedImpressions: c.droppedImpressions, DroppedViews: c.droppedViews, Refused: c.refused,
		SpoolBytes: s.usage.live, SpoolSegments: int64(len(s.queue)), DeadBytes: s.usage.dead,
		DeadBatches: c.deadBatches, DeadDeleted: c.deadDeleted, TornTails: c.torn,
	}
}
