//go:build linux

// Package drill loses a small shop and restores it from its backup, and shows that the same checks see
// a loss. The long run is make drill.
package drill

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"meridian/internal/drill"
	"meridian/internal/objects/s3test"
)

func run(t *testing.T, c drill.Config) *drill.Summary {
	t.Helper()
	c.Programs, c.S3, c.Dir, c.Say, c.Seed = filepath.Join("..", "..", "bin"), s3test.Program(t), t.TempDir(), t.Logf, uint64(time.Now().Unix())
	if s := os.Getenv("DRILL_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Seed = n
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	s, err := c.Run(ctx)
	if err != nil && !errors.Is(err, drill.ErrViolated) {
		t.Fatal(err)
	}
	return s
}

// TestDrill loses a shop twice under load: restored to the newest, and to a moment in the middle.
func TestDrill(t *testing.T) {
	t.Parallel()
	if s := run(t, drill.Config{Rounds: 2, Modes: []string{"voters", "to-time"}}); s.Failed() > 0 {
		t.Error("the drill found violations; see above")
	}
}

// TestGateShipping freezes the S3 server for longer than may be lost, before the end: the drill must
// see the loss.
func TestGateShipping(t *testing.T) {
	t.Parallel()
	s := run(t, drill.Config{Rounds: 1, Modes: []string{"newest"}, Stall: 1400 * time.Millisecond})
	if len(s.Results) != 1 || s.Results[0].Window <= time.Second || !strings.Contains(strings.Join(s.Results[0].Problems, "\n"), "at most 1s may be") {
		t.Errorf("nothing was shipped for 1.4 s, and the drill found nothing: %+v", s.Results)
	}
}
