//go:build linux

package chaos

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine describes where a run was made.
func Machine() string {
	var u unix.Utsname
	kernel := "?"
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Release[:])
	}
	memory := ""
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb int
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kb); err == nil {
			memory = fmt.Sprintf(", %d GiB", (kb+(1<<19))>>20)
		}
	}
	return fmt.Sprintf("%d processors%s, Linux %s, %s", runtime.NumCPU(), memory, kernel, runtime.Version())
}

// Report is the run as a page of documentation.
func (s *Summary) Report() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	failed := s.Failed()
	p("# Faults on real processes\n")
	p("Written by `make faults`, a part of `make chaos`, never by hand. Each round starts its own cluster of real `core serve` processes, one")
	p("network namespace each, lets 12 clients and the payment sandbox work on it, makes the named fault, heals it, and")
	p("then checks: histories with porcupine (per SKU and per order), sums of what was acknowledged, every idempotency")
	p("key repeated, orders against the provider's charges, state hashes at equal indexes, `core check` of every replica.\n")
	p("| | |\n| --- | --- |")
	p("| started | %s, took %s |", s.Start.UTC().Format("2006-01-02 15:04 UTC"), s.Took.Round(time.Second))
	p("| machine | %s |", s.Machine)
	p("| seed | %d for the first round, one more for each after it |", s.Config.Seed)
	p("| rounds | %d of %d%s |", len(s.Results), s.Config.Rounds, map[bool]string{true: "", false: " (not finished)"}[s.Finished])
	p("| rounds with violations | **%d** |", failed)
	if s.Awake.Trials > 0 {
		p("| a leader that was stopped and wakes | %d trials, %d exact reads sent to it as it woke, %d answered with a value, **%d stale** |", s.Awake.Trials, s.Awake.Asked, s.Awake.Told, len(s.Awake.Problems))
	}
	if len(s.LeftOut) > 0 {
		p("| not possible on this machine | %s |", strings.Join(s.LeftOut, ", "))
	}
	s.totals(p)
	s.perFault(p)
	s.violations(p)
	p("## Again\n")
	p("The whole run: `make faults CHAOS_ARGS=\"--seed %d --report docs/CHAOS.md\"`. One round, here the first: `%s`. A seed draws the same faults at", s.Config.Seed, first(s.Results))
	p("the same cores and the same actions of each client; how they interleave is the machine's doing.")
	return b.String()
}

func first(all []Result) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.ReplaceAll(replay(all[0]), "\n", " ")
}

func (s *Summary) totals(p func(string, ...any)) {
	var t Result
	exits, wal := 0, 0
	for _, r := range s.Results {
		if r.WAL {
			wal++
		}
		t.Stats.Done += r.Stats.Done
		t.Stats.Refused += r.Stats.Refused
		t.Stats.Unknown += r.Stats.Unknown
		t.Ops += r.Ops
		t.Objects += r.Objects
		t.Repeats += r.Repeats
		t.Compared += r.Compared
		t.Orders += r.Orders
		exits += len(r.Exits)
	}
	p("| log | raft-wal in %d rounds, raft-boltdb in the others |", wal)
	p("| operations | %d answered, %d refused, %d whose outcome was unknown at first and was found out under their key |", t.Stats.Done, t.Stats.Refused, t.Stats.Unknown)
	p("| judged | %d operations on %d SKUs and orders |", t.Ops, t.Objects)
	p("| keys repeated | %d, each with its first answer |", t.Repeats)
	p("| orders | %d, each charged once |", t.Orders)
	p("| hashes of two replicas at one index | %d pairs compared under load |", t.Compared)
	p("| cores that ended by themselves (failed disks) and were started again | %d |\n", exits)
}

func (s *Summary) perFault(p func(string, ...any)) {
	p("Outage is the longest time without an acknowledged write from the fault on, over all SKUs; recovery is the time from")
	p("healing until every core answers and one leads. A round counts for each of its faults.\n")
	p("| fault | what | rounds | violations | answered / refused / unknown | outage median, max | recovery median, max |")
	p("| --- | --- | ---: | ---: | --- | --- | --- |")
	for _, f := range Faults() {
		var rounds, bad, done, refused, unknown int
		var outage, recovery []time.Duration
		for _, r := range s.Results {
			if !slices.Contains(r.Faults, f.Name) {
				continue
			}
			rounds++
			bad += len(r.Problems)
			done, refused, unknown = done+r.Stats.Done, refused+r.Stats.Refused, unknown+r.Stats.Unknown
			outage, recovery = append(outage, r.Outage), append(recovery, r.Recovery)
		}
		if rounds > 0 {
			p("| `%s` | %s | %d | %d | %d / %d / %d | %s | %s |", f.Name, f.What, rounds, bad, done, refused, unknown, spread(outage), spread(recovery))
		}
	}
	p("")
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("%d, %d ms", d[len(d)/2].Milliseconds(), d[len(d)-1].Milliseconds())
}

func (s *Summary) violations(p func(string, ...any)) {
	p("## Violations\n")
	if s.Failed() == 0 && len(s.Awake.Problems) == 0 {
		p("None.\n")
		return
	}
	for _, r := range s.Results {
		if len(r.Problems) == 0 {
			continue
		}
		p("Round %d, %s (`%s`):\n", r.Number+1, strings.Join(r.Faults, " + "), replay(r))
		for _, text := range r.Problems {
			p("- %s", text)
		}
		p("")
	}
	for _, text := range s.Awake.Problems {
		p("- %s", text)
	}
	p("")
}
