package core

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"meridian/api"
)

// TestRoomRate: over any run of time, as many are let in as the rate says, whenever the room is looked at.
func TestRoomRate(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, rate := range []float64{0.5, 3, 50, 333, 10_000} {
		r := roomRec{RateMilli: int64(rate * 1000), TurnMS: 600_000, Arrived: 1 << 40}
		now, last := int64(0), uint64(0)
		const seconds = 120
		for now < seconds*1000 {
			now += 1 + rng.Int64N(300)
			r = r.advance(now)
			if r.Admitted < last {
				t.Fatal("somebody was let in and is not any more")
			}
			last = r.Admitted
		}
		want := rate * float64(now) / 1000
		if got := float64(r.Admitted); math.Abs(got-want) > max(1, want/1000) {
			t.Errorf("%g a second let %g in, want %g", rate, got, want)
		}
	}
}

func TestRoomSavesUpLittle(t *testing.T) {
	r := roomRec{RateMilli: 100_000, TurnMS: 600_000}
	r = r.advance(3_600_000) // an hour in which nobody came
	r.Arrived = 10_000
	if r = r.advance(3_600_000); r.Admitted != 10 {
		t.Errorf("after an hour without anybody %d were let in at once, want a tenth of a second's worth", r.Admitted)
	}
	if r = r.advance(7_200_000); r.Admitted != 110 {
		t.Errorf("after an hour without a leader %d were let in at once, want a second's worth more", r.Admitted)
	}
}

func TestRoomTurnsEnd(t *testing.T) {
	r := roomRec{ID: "r", RateMilli: 1_000_000, TurnMS: 160_000, Arrived: 1000}
	r = r.advance(1000)
	mine := ticketRec{Room: "r", Number: 500}
	if r.Admitted != 1000 || !r.admits(mine) {
		t.Fatalf("%+v", r)
	}
	now := int64(1000)
	for r.admits(mine) {
		now += 100
		r.Arrived++
		r = r.advance(now)
		if len(r.Marks) > roomMarks+2 {
			t.Fatalf("%d marks are kept", len(r.Marks))
		}
	}
	if took := now - 1000; took < r.TurnMS || took > r.TurnMS+r.TurnMS/roomMarks {
		t.Errorf("a turn of %d ms took %d", r.TurnMS, took)
	}
	if r.admits(ticketRec{Room: "r", Number: r.Over}) || !r.admits(ticketRec{Room: "r", Number: r.Over + 1}) {
		t.Error("turns do not end one after the other")
	}
}

// TestPace: the rate grows while it is used and carried, and falls below what was carried when it is not.
func TestPace(t *testing.T) {
	var p pace
	second := func(done int, took time.Duration, err error) float64 {
		for range done {
			p.note(took, nil)
		}
		if err != nil {
			p.note(0, err)
		}
		return p.next(time.Second, 0)
	}
	if r := second(0, 0, nil); r != paceStart {
		t.Fatalf("it starts with %g", r)
	}
	if r := new(pace).next(time.Second, 300); r != 300 {
		t.Errorf("a new leader begins with %g where 300 a second were let in", r)
	}
	for range 100 {
		second(0, 0, nil)
	}
	if p.rate != paceStart {
		t.Errorf("nobody buys, and the rate became %g", p.rate)
	}
	for range 100 {
		second(int(p.rate), 10*time.Millisecond, nil)
	}
	if p.rate < 200 {
		t.Errorf("all is well, and the rate became only %g", p.rate)
	}
	was := p.rate
	if r := second(100, 10*time.Millisecond, api.NewError(api.CodeOverloaded, "full")); r > 0.9*100 || r >= was {
		t.Errorf("100 were carried and one had no place: the rate is %g after %g", r, was)
	}
	was = p.rate
	if r := second(50, 5*time.Second, nil); r >= was {
		t.Errorf("purchases take 5 s, and the rate went from %g to %g", was, r)
	}
	for range 100 {
		second(1, 5*time.Second, api.NewError(api.CodeOverloaded, "full"))
	}
	if p.rate != paceLeast {
		t.Errorf("at the worst the rate is %g", p.rate)
	}
	if second(0, 0, api.NewError(api.CodeWaitingRoom, "wait")) < paceLeast || p.refused != 0 {
		t.Error("whoever waits for their turn counts as refused")
	}
}
