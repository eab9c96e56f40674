//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Config of a run.
type Config struct {
	// Programs is the directory of the programs core and payments.
	Programs string
	// Dir is where rounds work and failed ones are kept; default the system's for temporary files.
	Dir string
	// Rounds are played one after the other; the first has the seed Seed, each one after it one more.
	Rounds int
	Seed   uint64
	// Faults take turns; default all.
	Faults []Fault
	// Keep keeps the directories of passed rounds too.
	Keep bool
	// Exactly, if not empty, are the faults of every round, together.
	Exactly []Fault
	// Single leaves out the second fault that every third round has.
	Single bool
	// Trials are those of the awaking leader; default none.
	Trials int
	// Env is added to the environment of cores: for programs that were built to be broken.
	Env []string
	// Say prints a line.
	Say func(format string, args ...any)

	have  need
	names *names
}

// Summary is the result of a run.
type Summary struct {
	Config   Config
	Start    time.Time
	Took     time.Duration
	Results  []Result
	Awake    Awake
	LeftOut  []string // faults this machine cannot make
	Machine  string
	Finished bool // all rounds were played
}

// Failed says how many rounds had problems.
func (s *Summary) Failed() (n int) {
	for _, r := range s.Results {
		if len(r.Problems) > 0 {
			n++
		}
	}
	return n
}

// ErrViolated says that something was found.
var ErrViolated = errors.New("the checks found violations")

// Run plays the rounds. Its error is ErrViolated if any check failed, and something else if the run
// could not be made.
func (c Config) Run(ctx context.Context) (*Summary, error) {
	if len(c.Faults) == 0 {
		c.Faults = Faults()
	}
	if c.Say == nil {
		c.Say = func(string, ...any) {}
	}
	for _, p := range []string{"core", "payments"} {
		if _, err := os.Stat(filepath.Join(c.Programs, p)); err != nil {
			return nil, fmt.Errorf("%w; run make build first", err)
		}
	}
	dir, err := os.MkdirTemp(c.Dir, "meridian-chaos-")
	if err != nil {
		return nil, err
	}
	c.Dir = dir
	s := &Summary{Config: c, Start: time.Now(), Machine: Machine()}
	var missing []string
	c.have, missing = offers()
	for _, m := range missing {
		c.Say("not possible here: %s", m)
	}
	var able []Fault
	for _, f := range c.Faults {
		if f.needs&^c.have != 0 {
			s.LeftOut = append(s.LeftOut, f.Name)
			continue
		}
		able = append(able, f)
	}
	if len(able) == 0 {
		return nil, fmt.Errorf("none of the faults can be made here: %s", strings.Join(missing, "; "))
	}
	if c.have&needSpaces != 0 {
		if c.names, err = newNames(filepath.Join(c.Programs, "core"), dir); err != nil {
			return nil, err
		}
		defer c.names.close()
	}
	var trials sync.WaitGroup
	if c.Trials > 0 { // beside the rounds: a trial is mostly waiting
		trials.Go(func() {
			s.Awake = c.awaken(ctx)
			c.Say("%s", s.Awake.line())
		})
	}
	for n := range c.Rounds {
		seed := c.Seed + uint64(n)
		r := c.play(ctx, n, seed, c.draw(seed, able))
		if ctx.Err() != nil {
			break
		}
		s.Results = append(s.Results, r)
		c.Say("%s", r.line())
		for _, p := range r.Problems {
			c.Say("    VIOLATION: %s", p)
		}
		if r.Kept != "" {
			c.Say("    kept in %s; again with: %s", r.Kept, replay(r))
		}
	}
	trials.Wait()
	s.Took = time.Since(s.Start)
	s.Finished = ctx.Err() == nil
	_ = os.Remove(dir) // stays if it holds a failed round
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case s.Failed() > 0, len(s.Awake.Problems) > 0:
		return s, ErrViolated
	}
	return s, nil
}

// walEvery is how many rounds there are to one that keeps its log in raft-wal.
const walEvery = 4

// draw gives a round its faults: they take turns by the seed, and every third round has a second one.
func (c *Config) draw(seed uint64, able []Fault) []Fault {
	if len(c.Exactly) > 0 {
		return c.Exactly
	}
	first := able[seed%uint64(len(able))]
	rng := rand.New(rand.NewPCG(seed, 0))
	if c.Single || first.alone || rng.IntN(3) != 0 {
		return []Fault{first}
	}
	var second []Fault
	for _, f := range Faults() {
		if (f.Name == "kill-follower" || f.Name == "transfer" || f.Name == "fsync-slow") && f.Name != first.Name && f.needs&^c.have == 0 {
			second = append(second, f)
		}
	}
	return []Fault{first, second[rng.IntN(len(second))]}
}

// replay is the command that plays a round again. The faults of a round follow from its seed and the
// list of faults; both are given.
func replay(r Result) string {
	return fmt.Sprintf("make faults CHAOS_ARGS=\"--rounds 1 --seed %d --trials 0 --exactly %s\"", r.Seed, strings.Join(r.Faults, ","))
}

func (r Result) line() string {
	verdict := "ok"
	if len(r.Problems) > 0 {
		verdict = fmt.Sprintf("%d VIOLATIONS", len(r.Problems))
	}
	return fmt.Sprintf("round %3d seed %d  %-26s %d cores%s  %5d done %4d refused %3d unknown  %3d orders  outage %4d ms  %.1f s  %s",
		r.Number+1, r.Seed, strings.Join(r.Faults, "+"), r.Nodes, map[bool]string{true: " wal", false: "    "}[r.WAL], r.Stats.Done, r.Stats.Refused, r.Stats.Unknown, r.Orders, r.Outage.Milliseconds(), r.Took.Seconds(), verdict)
}
