package core

import "encoding/binary"

// adjustKeys finds the record of a live idempotency key in the stock log. It follows from the log's
// rows and is rebuilt at start; expired keys are swept out a shard at a time. What is still in here
// and expired counts as absent, so that replicas may sweep when they like.
//
// A shard is a hash table with linear probing. Ids are hashes already, and the slots hold no pointers:
// finding a key or the place for it costs one miss of the cache, and the collector has nothing to do.
type adjustKeys struct {
	shards [adjustShards]keyShard
	count  int
	swept  int // the shard that is swept next
}

type keyShard struct {
	slots []keySlot // a power of two of them
	count int
}

type keySlot struct {
	id    keyID
	place keyPlace
}

func (s *keySlot) used() bool { return s.place.life != lifeNone }

// adjustKeysMax bounds the live keys of adjustments, at some 50 bytes each. A leader that has more
// refuses keyed adjustments until some expire.
const adjustKeysMax = 16 << 20

// adjustShards is also how many ticks a sweep takes.
const adjustShards = 256

// keyPlace is where the record of a key is, and when its row was written.
type keyPlace struct {
	index   uint64
	hour    uint32
	ordinal uint16
	life    byte
}

func placeOf(index uint64, atMS int64, ordinal int, life byte) keyPlace {
	return keyPlace{index: index, hour: uint32(atMS / hourMS), ordinal: uint16(ordinal), life: life}
}

// slot is where an id is, or where it would go. It is valid until the next call.
func (k *adjustKeys) slot(id keyID) *keySlot {
	shard := &k.shards[id[0]]
	if 4*shard.count >= 3*len(shard.slots) {
		shard.resize(max(16, 2*len(shard.slots)), func(*keySlot) bool { return true })
	}
	return shard.find(id)
}

func (s *keyShard) find(id keyID) *keySlot {
	mask := uint64(len(s.slots) - 1)
	for i := binary.LittleEndian.Uint64(id[8:]) & mask; ; i = (i + 1) & mask {
		if slot := &s.slots[i]; slot.id == id || !slot.used() {
			return slot
		}
	}
}

// set puts an id into its slot.
func (k *adjustKeys) set(slot *keySlot, id keyID, p keyPlace) {
	if !slot.used() {
		k.shards[id[0]].count++
		k.count++
	}
	slot.id, slot.place = id, p
}

// resize makes room for n slots and keeps those that keep wants.
func (s *keyShard) resize(n int, keep func(*keySlot) bool) {
	old := s.slots
	s.slots, s.count = make([]keySlot, n), 0
	for i := range old {
		if old[i].used() && keep(&old[i]) {
			*s.find(old[i].id) = old[i]
			s.count++
		}
	}
}

// sweep drops the keys of one shard that have expired.
func (k *adjustKeys) sweep(now int64) {
	shard := &k.shards[k.swept]
	k.swept = (k.swept + 1) % adjustShards
	live := func(s *keySlot) bool { return (int64(s.place.hour)+1)*hourMS+adjustLifeMS(s.place.life) > now }
	n := 0
	for i := range shard.slots {
		if shard.slots[i].used() && live(&shard.slots[i]) {
			n++
		}
	}
	if n == shard.count {
		return
	}
	size := 16
	for 4*n >= 3*size {
		size *= 2
	}
	k.count += n - shard.count
	shard.resize(size, live)
}

// adjustLifeMS is how long a key lives after the entry that used it.
func adjustLifeMS(life byte) int64 {
	if life == lifeEdge {
		return edgeKeyLifeHours * hourMS
	}
	return keyLifeHours * hourMS
}

// recallAdjust finds the record that a key stands for, if it is still alive.
func (m *Machine) recallAdjust(slot *keySlot) (found adjustRecord, ok bool) {
	p, id := slot.place, slot.id
	row := stockLogRec(nil)
	if p.index == m.stockRow.index && m.stockRow.count > 0 { // earlier in the same entry
		row = m.stockRow.encode()
	} else {
		row, _ = m.stockLog.Get(stockLogKey(p.index))
	}
	if row == nil || row.at()+adjustLifeMS(p.life) <= m.now {
		return found, false
	}
	err := row.each(p.index, func(i int, a *adjustRecord) bool {
		if i == int(p.ordinal) {
			found, ok = *a, a.id == id
		}
		return i < int(p.ordinal)
	})
	if err != nil {
		m.fail(err)
	}
	return found, ok
}

// deriveAdjusted finds the keys that are alive, from the newest row back.
func (m *Machine) deriveAdjusted() {
	m.adjusted = &adjustKeys{}
	now := m.metaNow().NowMS
	m.stockLog.Descend("", func(key string, row stockLogRec) bool {
		age := now - row.at()
		if age >= adjustLifeMS(lifePrincipal) {
			return false
		}
		index := stockLogIndex(key)
		// A failure here was found when the row was decoded.
		_ = row.each(index, func(i int, a *adjustRecord) bool {
			if a.life == lifeNone || age >= adjustLifeMS(a.life) {
				return true
			}
			if slot := m.adjusted.slot(a.id); !slot.used() { // used: by a newer row
				m.adjusted.set(slot, a.id, placeOf(index, row.at(), i, a.life))
			}
			return true
		})
		return true
	})
	m.liveKeys.Store(int64(m.adjusted.count))
}
