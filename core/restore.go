package core

import (
	"fmt"
	"io"
	"time"

	"meridian/core/state"
)

// reconcileBeforeMS is how long before a backup's moment the comparison with the provider begins: open
// payments are asked again for an hour, and two clocks may differ.
const reconcileBeforeMS = releasedOrderMS

// EntryTime is the leader's time in an entry's header, in milliseconds.
func EntryTime(header []byte) (int64, error) {
	h, err := decodeHeader(header)
	return h.NowMS, err
}

// BeginTimeline makes a restored state the beginning of another timeline: what is known from before
// counts up to here, and nothing is sold until the provider's charges were compared. Log time goes on
// at wall, if that is later: the first tick gives holds the time in between back, as after any outage,
// and keys and sessions live as long by the clock as they were promised. It is called before the node
// is part of a cluster.
func (m *Machine) BeginTimeline(timeline uint32, wall time.Time) error {
	parent := m.timeline()
	if timeline <= parent {
		return fmt.Errorf("timeline %d is not beyond that of the backup, %d", timeline, parent)
	}
	if err := m.db.SetTimeline(uint64(timeline)); err != nil {
		return err
	}
	index, term := m.db.Applied()
	var now int64
	m.db.View(func() { now = m.metaNow().NowMS })
	cmd, err := encodeCommand(cmdBeginTimeline, keying{}, beginTimelineCmd{Timeline: timeline, Record: timelineRec{
		History: newID(10), Parent: parent, ForkIndex: index, ForkMS: now, SinceMS: now - reconcileBeforeMS}})
	if err != nil {
		return err
	}
	m.Apply(index+1, max(term, 1), header{Rules: rulesNow, NowMS: max(now, wall.UnixMilli())}.encode(), [][]byte{cmd})
	m.feed.restart(m.Index())
	return m.db.Checkpoint()
}

// History names the present timeline's life; it is empty before EnsureHistory.
func (m *Machine) History() (h string) {
	m.db.View(func() {
		t, _ := m.present()
		h = t.History
	})
	return h
}

// Backup is a snapshot with what a backup's manifest says of it.
type Backup struct {
	*state.Snapshot
	timeMS int64
}

// Backup takes a durable view of the state.
func (m *Machine) Backup() (Backup, error) {
	s, err := m.db.Snapshot()
	if err != nil {
		return Backup{}, err
	}
	b := Backup{Snapshot: s}
	// After the snapshot: the state is at most as new as this.
	m.db.View(func() { b.timeMS = m.metaNow().NowMS })
	return b, nil
}

// About is the snapshot's place in the log, the state's hash, and its log time or a little later.
func (b Backup) About() (index, term, hash uint64, timeMS int64) {
	p := b.Position()
	return p.Reached, p.Term, p.Hash, b.timeMS
}

// Summary is what a restore tells about a state.
type Summary struct {
	Index     uint64
	NowMS     int64
	Orders    int
	Customers int
	Products  int
}

// Summary counts.
func (m *Machine) Summary() (s Summary) {
	m.db.View(func() {
		s.Index, _ = m.db.Applied()
		s.NowMS, s.Orders, s.Customers, s.Products = m.metaNow().NowMS, m.orders.Len(), m.customers.Len(), m.products.Len()
	})
	return s
}

// RestoreBackup replaces the state by a full backup's stream, and verifies that it has the hash that
// the manifest promised.
func (m *Machine) RestoreBackup(r io.Reader, hash string) error {
	if err := m.Restore(r); err != nil {
		return err
	}
	if got := fmt.Sprintf("%016x", m.Hash()); got != hash {
		return fmt.Errorf("%w: the restored state has hash %s, its manifest says %s", state.ErrCorrupt, got, hash)
	}
	return nil
}
