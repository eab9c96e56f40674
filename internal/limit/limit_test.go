package limit

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func v4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

var someone = netip.MustParseAddr("203.0.113.9")

func TestABurstThenTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Rate: 5, Burst: 50}, time.Now())
		for i := range 50 {
			if _, ok := l.Take(someone, time.Now()); !ok {
				t.Fatalf("request %d of a burst was refused", i+1)
			}
		}
		wait, ok := l.Take(someone, time.Now())
		if ok || wait != 200*time.Millisecond {
			t.Fatalf("after the burst: %v %v", wait, ok)
		}
		if _, ok := l.Take(v4(1), time.Now()); !ok {
			t.Fatal("one client is limited by another's requests")
		}
		time.Sleep(wait - 1)
		if _, ok := l.Take(someone, time.Now()); ok {
			t.Fatal("let in before its time")
		}
		time.Sleep(1)
		if _, ok := l.Take(someone, time.Now()); !ok {
			t.Fatal("not let in when it was told to come")
		}
		time.Sleep(10 * time.Second)
		for i := range 50 {
			if _, ok := l.Take(someone, time.Now()); !ok {
				t.Fatalf("after a rest, request %d was refused", i+1)
			}
		}
	})
}

// However requests come, no window of time holds more than its rate and one burst, and a client that keeps to the
// rate is never refused.
func TestNoWindowHoldsMore(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	start := time.Unix(1_800_000_000, 0)
	const rate, burst = 10, 20
	greedy, modest := v4(1), v4(2)
	l := New(Config{Rate: rate, Burst: burst}, start)
	var taken []time.Duration
	next := time.Duration(0)
	for at := time.Duration(0); at < time.Minute; at += time.Duration(rng.IntN(int(40 * time.Millisecond))) {
		if _, ok := l.Take(greedy, start.Add(at)); ok {
			taken = append(taken, at)
		}
		for ; next <= at; next += time.Second / rate {
			if _, ok := l.Take(modest, start.Add(next)); !ok {
				t.Fatalf("at %v: who keeps to the rate was refused", next)
			}
		}
	}
	for i, from := range taken {
		for j := i; j < len(taken); j++ {
			if n, most := float64(j-i+1), (taken[j]-from).Seconds()*rate+burst; n > most+1e-6 {
				t.Fatalf("%v requests in %v, at most %v", n, taken[j]-from, most)
			}
		}
	}
	if want := 60*rate + burst - 1; len(taken) < want-1 {
		t.Fatalf("only %d of %d that were due", len(taken), want)
	}
}

// A subscriber has a /64 of IPv6 and can use any address of it.
func TestOneNetworkIsOneClient(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		a, b string
		one  bool
	}{
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true}, {"2001:db8::1", "2001:db8:0:1::1", false},
		{"203.0.113.9", "203.0.113.8", false}, {"203.0.113.9", "::ffff:203.0.113.9", true},
	} {
		l := New(Config{Rate: 1}, now)
		l.Take(netip.MustParseAddr(c.a), now)
		if _, ok := l.Take(netip.MustParseAddr(c.b), now); ok == c.one {
			t.Errorf("%s and %s: one client is %v", c.a, c.b, !ok)
		}
	}
}

// Ten million addresses, or a tenth of them under the race detector, neither make the table grow nor free somebody
// who overdoes it.
func TestMemoryIsBounded(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	l := New(Config{Rate: 10, Burst: 100}, start)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	refused := 0
	addresses := 10_000_000
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		addresses /= 10
	}
	for i := range addresses {
		now := start.Add(time.Duration(i) * 10 * time.Microsecond) // 100,000 a second
		l.Take(v4(uint32(i)|1<<31), now)
		if i%100 == 0 { // a thousand a second
			if _, ok := l.Take(someone, now); !ok {
				refused++
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(l)
	if want := addresses/100 - addresses/10_000 - 100; refused < want-2 || refused > want+2 {
		t.Errorf("refused %d times, want %d; %d were forgiven", refused, want, l.Forgiven())
	}
}

// When more owe than fit, those who owe least are forgiven, and that is counted.
func TestWhoOwesMostIsKept(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := New(Config{Rate: 1, Burst: 10, Clients: ways}, now)
	for range 10 {
		l.Take(someone, now)
	}
	for i := range uint32(1000) {
		l.Take(v4(i), now)
	}
	if _, ok := l.Take(someone, now); ok {
		t.Error("who owes most was forgiven")
	}
	if n := l.Forgiven(); n != 1000-ways+1 {
		t.Errorf("%d were forgiven", n)
	}
}

func TestNoLimit(t *testing.T) {
	var l *Limiter
	if _, ok := l.Take(someone, time.Now()); !ok || l.Forgiven() != 0 {
		t.Error("no limit refuses")
	}
}

func BenchmarkTake(b *testing.B) {
	start := time.Now()
	l := New(Config{Rate: 500, Burst: 5000}, start)
	b.ReportAllocs()
	n, now := uint32(0), start
	for b.Loop() {
		n++
		now = now.Add(10 * time.Microsecond)
		l.Take(v4(n), now)
	}
}
