package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// fault is one thing that goes wrong, or that an operator does.
type fault string

const (
	faultSplit     fault = "partition"         // the nodes fall into two groups
	faultOneWay    fault = "one-way partition" // some directions are cut
	faultIsolate   fault = "leader cut off"
	faultWeather   fault = "bad lines" // delay, loss, messages that overtake each other
	faultKill      fault = "kill"
	faultKillLead  fault = "kill the leader"
	faultKillAll   fault = "kill all"
	faultPower     fault = "power cut"
	faultPowerAll  fault = "power cut everywhere"
	faultSlowDisk  fault = "slow disk"
	faultHungDisk  fault = "hanging disk"
	faultBadDisk   fault = "failing disk"
	faultClock     fault = "clock set wrong"
	faultAllClocks fault = "every clock set wrong"
	faultSnapshot  fault = "snapshot"
	faultTransfer  fault = "leadership transfer"
	faultDemote    fault = "demote and promote"
	faultReplace   fault = "member replaced"
	faultPayments  fault = "payment provider in trouble"
)

// mix is how often each fault is drawn.
var mix = []struct {
	f fault
	n int
}{
	{faultSplit, 10}, {faultOneWay, 8}, {faultIsolate, 8}, {faultWeather, 8}, {faultKill, 8}, {faultKillLead, 8}, {faultKillAll, 1},
	{faultPower, 6}, {faultPowerAll, 2}, {faultSlowDisk, 6}, {faultHungDisk, 1}, {faultBadDisk, 3}, {faultClock, 8}, {faultAllClocks, 1},
	{faultSnapshot, 4}, {faultTransfer, 4}, {faultDemote, 3}, {faultReplace, 2}, {faultPayments, 4},
}

// step is a fault at a time. Everything about it is drawn with the plan, so that the seed has it all.
type step struct {
	at    time.Duration
	f     fault
	node  int           // the computer it is about, where it is about one
	lasts time.Duration // until it heals, or the process is started again
	draw  uint64        // seeds what else has to be chosen
}

func (s step) String() string {
	return fmt.Sprintf("%s (computer %d, %v)", s.f, s.node, s.lasts.Round(time.Millisecond))
}

// newPlan draws the faults of a run: one every so many seconds, each healing before long, several at once
// now and then.
func newPlan(rng *rand.Rand, nodes int, length time.Duration) []step {
	total := 0
	for _, m := range mix {
		total += m.n
	}
	mean := time.Duration(15+rng.IntN(60)) * time.Second
	var plan []step
	for at := 5 * time.Second; at < length; {
		pick := rng.IntN(total)
		i := slices.IndexFunc(mix, func(m struct {
			f fault
			n int
		}) bool {
			pick -= m.n
			return pick < 0
		})
		plan = append(plan, step{at: at, f: mix[i].f, node: rng.IntN(nodes), lasts: 500*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(12*time.Second)), draw: rng.Uint64()})
		at += 200*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(mean))
	}
	return plan
}

// Shape is what the machines of a run are like. It is drawn too: what one set of time-outs hides another
// shows.
type Shape struct {
	Heartbeat  time.Duration
	Commit     time.Duration // how late an idle follower learns the commit index
	Checkpoint time.Duration
	Threshold  uint64 // log entries between two snapshots
	Trailing   uint64 // log entries kept behind one
	Clients    int
	Think      time.Duration
}

func newShape(rng *rand.Rand) Shape {
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	s := Shape{ // far apart and seldom asked: most hours, because they cost least
		Heartbeat:  pick(5*time.Second, 10*time.Second),
		Commit:     pick(2*time.Second, 5*time.Second),
		Checkpoint: pick(3*time.Second, 20*time.Second),
		Threshold:  []uint64{256, 1024}[rng.IntN(2)],
		Trailing:   []uint64{16, 256, 2048}[rng.IntN(3)],
		Clients:    2 + rng.IntN(3),
		Think:      pick(10*time.Second, 20*time.Second),
	}
	if rng.IntN(20) == 0 { // near each other and busy
		s.Heartbeat, s.Commit = pick(1500*time.Millisecond, 3*time.Second), pick(20*time.Millisecond, 200*time.Millisecond, time.Second)
		s.Checkpoint, s.Threshold, s.Trailing = pick(150*time.Millisecond, time.Second), []uint64{32, 128}[rng.IntN(2)], []uint64{1, 16, 256}[rng.IntN(3)]
		s.Clients, s.Think = 3+rng.IntN(4), pick(2*time.Second, 5*time.Second)
	}
	return s
}
