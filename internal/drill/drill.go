//go:build linux

package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// livesOfAShop is how often one shop is lost and restored before the next begins with nothing.
const livesOfAShop = len(modes)

// Config of a run.
type Config struct {
	// Programs is the directory of the programs core, edge and payments; S3 is the S3 server's program.
	Programs, S3 string
	// Dir is where shops live, and where failed ones stay; default the system's for temporary files.
	Dir string
	// Rounds are lives, each with its end and its restore; four of them make up the history of a shop.
	Rounds int
	// Seed is that of the first shop; each one after it has one more.
	Seed uint64
	// Modes take turns; default all, in an order drawn by the seed.
	Modes []string
	// Stall freezes the S3 server for so long before every end: for the test that must see the loss.
	Stall time.Duration
	// Say prints a line.
	Say func(format string, args ...any)
}

// Summary is the result of a run.
type Summary struct {
	Config   Config
	Start    time.Time
	Took     time.Duration
	Results  []Result
	Finished bool
}

// Failed says how many lives had problems.
func (s *Summary) Failed() (n int) {
	for _, r := range s.Results {
		if len(r.Problems) > 0 {
			n++
		}
	}
	return n
}

// ErrViolated says that something was found.
var ErrViolated = errors.New("the drill found violations")

// Run plays the rounds. Its error is ErrViolated if any check failed, and something else if the run
// could not be made.
func (c Config) Run(ctx context.Context) (*Summary, error) {
	if c.Say == nil {
		c.Say = func(string, ...any) {}
	}
	for _, p := range []string{filepath.Join(c.Programs, "core"), filepath.Join(c.Programs, "edge"), filepath.Join(c.Programs, "payments"), c.S3} {
		if _, err := os.Stat(p); err != nil {
			return nil, fmt.Errorf("%w; run make build first", err)
		}
	}
	dir, err := os.MkdirTemp(c.Dir, "meridian-drill-")
	if err != nil {
		return nil, err
	}
	s := &Summary{Config: c, Start: time.Now()}
	for n := 0; len(s.Results) < c.Rounds && ctx.Err() == nil; n++ {
		c.history(ctx, s, n, filepath.Join(dir, fmt.Sprintf("shop-%d", n+1)))
	}
	s.Took, s.Finished = time.Since(s.Start), ctx.Err() == nil
	_ = os.Remove(dir) // stays if it holds a failed shop
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case s.Failed() > 0:
		return s, ErrViolated
	}
	return s, nil
}

// history plays the lives of one shop. A life with a problem is the last one.
func (c Config) history(ctx context.Context, s *Summary, n int, dir string) {
	seed := c.Seed + uint64(n)
	rng := rand.New(rand.NewPCG(seed, 0))
	order := make([]mode, livesOfAShop)
	for i, k := range rng.Perm(livesOfAShop) {
		if order[i] = modes[k]; len(c.Modes) > 0 {
			order[i] = mode(c.Modes[i%len(c.Modes)])
		}
	}
	clean := true
	note := func(r Result) {
		s.Results = append(s.Results, r)
		c.Say("%s", r.line())
		for _, p := range r.Problems {
			clean = false
			c.Say("    VIOLATION: %s", p)
		}
	}
	defer func() {
		if clean || ctx.Err() != nil {
			os.RemoveAll(dir)
			return
		}
		c.Say("    kept in %s; again with: %s", dir, replay(seed))
	}()
	fail := func(err error) { note(Result{Shop: n + 1, Seed: seed, Problems: []string{err.Error()}}) }
	if err := os.MkdirAll(dir, 0o700); err != nil {
		fail(err)
		return
	}
	shop, err := c.open(ctx, dir)
	if err != nil {
		fail(fmt.Errorf("open the shop: %w", err))
		return
	}
	defer shop.close()
	load, err := newLoad(ctx, shop)
	if err != nil {
		fail(fmt.Errorf("fill the shop: %w", err))
		return
	}
	defer load.close()
	known := &past{known: map[string]bool{}, ever: map[string]bool{}, numbers: map[string]string{}}
	for i := 0; i < livesOfAShop && len(s.Results) < c.Rounds && clean && ctx.Err() == nil; i++ {
		r := Result{Shop: n + 1, Life: i + 1, Seed: seed, Mode: string(order[i])}
		l := &life{shop: shop, load: load, rng: rand.New(rand.NewPCG(seed, uint64(i)+1)), mode: order[i], res: &r, past: known}
		err := l.play(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.bad("%v", err)
		}
		if i == livesOfAShop-1 || len(s.Results)+1 == c.Rounds {
			r.Problems = append(r.Problems, shop.examine(ctx)...)
		}
		note(r)
	}
}

var standing = regexp.MustCompile(`index \d+, hash \w+`)

// examine stops every core in order and checks what each has left.
func (s *shop) examine(ctx context.Context) (problems []string) {
	hashes := map[string]string{}
	for i, p := range s.cores {
		if p == nil {
			continue
		}
		s.cores[i] = nil
		if err := p.stop(); err != nil {
			problems = append(problems, err.Error())
		}
	}
	for i := range cores {
		out, err := command(ctx, nil, s.binary("core"), "check", "--data", s.data(i))
		if err != nil {
			problems = append(problems, err.Error())
		}
		hashes[standing.FindString(out)] = id(i)
	}
	byIndex := map[string]string{}
	for h := range hashes {
		var index, hash string
		if _, err := fmt.Sscanf(h, "index %s hash %s", &index, &hash); err != nil {
			continue
		}
		if other, ok := byIndex[index]; ok && other != hash {
			problems = append(problems, fmt.Sprintf("replicas at index %s have the hashes %s and %s", index, hash, other))
		}
		byIndex[index] = hash
	}
	return problems
}

func replay(seed uint64) string {
	return fmt.Sprintf("make drill DRILL_ARGS=\"--rounds %d --seed %d\"", livesOfAShop, seed)
}

func (r Result) line() string {
	verdict := "ok"
	if len(r.Problems) > 0 {
		verdict = fmt.Sprintf("%d VIOLATIONS", len(r.Problems))
	}
	return fmt.Sprintf("shop %d life %d seed %d  %-8s  %5d writes %4d orders acknowledged  %4d and %3d lost, window %4d ms  %4d charges compared, %3d differences  restored in %d ms, closed for %.1f s  %s",
		r.Shop, r.Life, r.Seed, r.Mode, r.Writes, r.Orders, r.LostWrites, r.LostOrders, r.Window.Milliseconds(), r.Charges, r.Differences, r.Restoring.Milliseconds(), r.Closed.Seconds(), verdict)
}
