package core

import "fmt"

// What is swept when its time is over, with a bound on each tick.
const (
	stagedMS int64 = 10 * 60 * 1000
	// Sessions stand anywhere in their table: each may cost a read of the disk, for which commits wait.
	maxSessionsPerTick      = 250
	maxSessionsPerTickFirst = 5000 // under the first rules
	maxPartsPerTick         = 100
	// cartDays is how long a cart lives after its last change.
	cartDays = 30
	// A tick looks at cartsPerTick carts and as many more as it takes to see all of them within a day.
	cartsPerTick = 8
	ticksPerDay  = 24 * 60 * 60
)

// stagedRec is an import under way: when its newest part came.
type stagedRec struct {
	AtMS int64 `cbor:"1,keyasint"`
}

// sessionEnd orders sessions by the hour in which they are over.
func sessionEnd(s sessionRec, hash string) string {
	return fmt.Sprintf("%012d", s.ExpiresMS/3_600_000+1) + hash
}

// dropSessions forgets sessions that are over. One that was opened again in the meantime stays.
func (m *Machine) dropSessions() {
	most := maxSessionsPerTick
	if m.rules < rulesOrdered {
		most = maxSessionsPerTickFirst
	}
	hour := fmt.Sprintf("%012d", m.now/3_600_000)
	var gone []string
	m.sessionEnds.Ascend("", func(k, _ string) bool {
		if k[:12] > hour || len(gone) == most {
			return false
		}
		gone = append(gone, k)
		return true
	})
	for _, k := range gone {
		if s, ok := m.sessions.Get(k[12:]); ok && s.ExpiresMS <= m.now {
			m.sessions.Delete(k[12:])
		}
		m.sessionEnds.Delete(k)
	}
}

// dropCarts forgets carts that nobody has changed for long. It goes round over all of them, some at each
// tick. A cart is over within a day of its end: then it is empty, as it was when its identifier was given.
func (m *Machine) dropCarts() {
	const life = cartDays * 24 * hourMS
	most := cartsPerTick + m.carts.Len()/ticksPerDay
	meta := m.metaNow()
	last := meta.Cart
	var over []string
	seen := 0
	m.carts.Ascend(meta.Cart, func(id string, c cartRec) bool {
		if id == meta.Cart {
			return true
		}
		if seen == most {
			return false
		}
		seen++
		last = id
		if c.UpdatedMS+life <= m.now && c.Order == "" {
			over = append(over, id)
		}
		return true
	})
	if seen < most {
		last = "" // the end: from the beginning next time
	}
	for _, id := range over {
		m.carts.Delete(id)
	}
	if last != meta.Cart {
		meta.Cart = last
		m.meta.Put(metaKey, meta)
	}
}

// dropStaged forgets the parts of imports that nobody goes on with: their leader died, or their
// merchandiser left.
func (m *Machine) dropStaged() {
	var dead []string
	m.stagedSince.Ascend("", func(id string, r stagedRec) bool {
		if r.AtMS+stagedMS <= m.now {
			dead = append(dead, id)
		}
		return true
	})
	room := maxPartsPerTick
	for _, id := range dead {
		var parts []string
		m.staged.Ascend(id+"/", func(k string, _ stageImportCmd) bool {
			if len(k) < len(id)+1 || k[:len(id)+1] != id+"/" || len(parts) == room {
				return false
			}
			parts = append(parts, k)
			return true
		})
		for _, k := range parts {
			m.staged.Delete(k)
		}
		if room -= len(parts); room == 0 {
			return // the rest has its turn at the next tick
		}
		m.stagedSince.Delete(id)
	}
}
