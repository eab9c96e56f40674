package core

// adjustKeys finds the record of a live idempotency key in the stock log. It follows from the log's
// rows and is rebuilt at start; expired keys are swept out a shard at a time. What is still in here
// and expired counts as absent, so that replicas may sweep when they like.
type adjustKeys struct {
	shards [adjustShards]map[keyID]keyPlace
	count  int
	swept  int // the shard that is swept next
}

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

func newAdjustKeys() *adjustKeys {
	k := &adjustKeys{}
	for i := range k.shards {
		k.shards[i] = map[keyID]keyPlace{}
	}
	return k
}

func (k *adjustKeys) get(id keyID) (keyPlace, bool) {
	p, ok := k.shards[id[0]][id]
	return p, ok
}

func (k *adjustKeys) put(id keyID, p keyPlace) {
	shard := k.shards[id[0]]
	before := len(shard)
	shard[id] = p
	k.count += len(shard) - before
}

// sweep drops the keys of one shard that have expired.
func (k *adjustKeys) sweep(now int64) {
	shard := k.shards[k.swept]
	for id, p := range shard {
		if (int64(p.hour)+1)*hourMS+adjustLifeMS(p.life) <= now {
			delete(shard, id)
			k.count--
		}
	}
	k.swept = (k.swept + 1) % adjustShards
}

// adjustLifeMS is how long a key lives after the entry that used it.
func adjustLifeMS(life byte) int64 {
	if life == lifeEdge {
		return edgeKeyLifeHours * hourMS
	}
	return keyLifeHours * hourMS
}

// recallAdjust finds the record that a key stands for, if it is still alive.
func (m *Machine) recallAdjust(id keyID) (found adjustRecord, ok bool) {
	p, known := m.adjusted.get(id)
	if !known {
		return found, false
	}
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
	m.adjusted = newAdjustKeys()
	now := m.metaNow().NowMS
	m.stockLog.Descend("", func(key string, row stockLogRec) bool {
		age := now - row.at()
		if age >= adjustLifeMS(lifePrincipal) {
			return false
		}
		index := stockLogIndex(key)
		// A failure here was found when the row was decoded.
		_ = row.each(index, func(i int, a *adjustRecord) bool {
			if _, newer := m.adjusted.get(a.id); a.life != lifeNone && !newer && age < adjustLifeMS(a.life) {
				m.adjusted.put(a.id, placeOf(index, row.at(), i, a.life))
			}
			return true
		})
		return true
	})
}
