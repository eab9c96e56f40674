package core

import (
	"context"
	"sync"
	"time"

	"meridian/api"
	"meridian/internal/pause"
)

// pace measures what this node, while it leads, does with purchases, and says how fast waiting rooms may let people in. It is additive increase and multiplicative decrease
// (Chiu and Jain, 1989): while purchases are quick the rate grows, as long as those let in use it; when they become slow or are refused,
// it falls to a little less than what was completed.
type pace struct {
	mu      sync.Mutex
	done    int           // purchases that came to an outcome since the last look
	refused int           // purchases for which there was no place
	spent   time.Duration // by those done, all together
	rate    float64       // a second
}

const (
	paceStart = 20.0
	paceLeast = 1.0
	paceMost  = 10_000.0
	paceSlow  = 2 * time.Second // a purchase that takes longer means that there are too many
	paceEvery = time.Second
	// admitEvery is how often people are let in: a room of 100 a second lets in ten at once.
	admitEvery = 100 * time.Millisecond
)

// note counts a purchase. One that had to wait for its turn says nothing of what can be carried.
func (p *pace) note(took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch api.CodeOf(err) {
	case api.CodeWaitingRoom, api.CodeRateLimited, api.CodeNotLeader:
	case api.CodeOverloaded, api.CodeNoLeader, api.CodeOutcomeUnknown:
		p.refused++
	default:
		p.done++
		p.spent += took
	}
}

// next is the rate for the next second, from what happened in the one before; a new leader goes on from the present one.
func (p *pace) next(over time.Duration, present float64) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	carried := float64(p.done) / over.Seconds()
	slow := p.done > 0 && p.spent/time.Duration(p.done) > paceSlow
	switch {
	case p.rate == 0:
		p.rate = max(paceStart, present)
	case p.refused > 0 || slow:
		p.rate = min(p.rate*0.7, max(carried*0.9, p.rate*0.3))
	case carried > p.rate/2: // those let in do buy: the rate is tried, and more may be
		p.rate += max(1, paceStart/10)
	}
	p.rate = min(max(p.rate, paceLeast), paceMost)
	p.done, p.refused, p.spent = 0, 0, 0
	return p.rate
}

// admitRooms lets people in while this node leads. Nothing is written when nobody waits.
func (s *Service) admitRooms(ctx context.Context) {
	looked := time.Now()
	pause.Every(ctx, admitEvery, func() {
		var cmd admitCmd
		waiting, present := 0, int64(0)
		s.m.db.View(func() {
			s.m.rooms.Ascend("", func(_ string, r roomRec) bool {
				if r.Admitted < r.Arrived {
					waiting++
					if r.Measured {
						cmd.Rates = append(cmd.Rates, roomRate{Room: r.ID, RateMilli: r.RateMilli})
						present += r.RateMilli
					}
				}
				return true
			})
		})
		if since := time.Since(looked); since >= paceEvery {
			looked = time.Now()
			rate := s.pace.next(since, float64(present)/1000)
			for i := range cmd.Rates { // rooms share what there is
				cmd.Rates[i].RateMilli = int64(rate * 1000 / float64(len(cmd.Rates)))
			}
		} else {
			cmd.Rates = nil
		}
		if waiting == 0 {
			return
		}
		if _, err := s.propose(ctx, cmdAdmit, keying{}, cmd); err != nil && ctx.Err() == nil {
			s.slog.Debug("let people in", "error", err)
		}
	})
}
