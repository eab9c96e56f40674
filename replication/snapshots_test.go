package replication

import (
	"testing"
	"testing/synctest"
	"time"
)

// slowDisk takes its time for each write.
type slowDisk time.Duration

func (d slowDisk) Write(p []byte) (int, error) { time.Sleep(time.Duration(d)); return len(p), nil }

// TestASnapshotRestsForAsLongAsItWorks: of the time until it is written, entries have half.
func TestASnapshotRestsForAsLongAsItWorks(t *testing.T) {
	for _, test := range []struct {
		name  string
		piece time.Duration // the disk's time for a quarter of what is written between two rests
		rest  time.Duration
		ended bool
	}{
		{"a fast disk", 10 * time.Millisecond, 40 * time.Millisecond, false},
		{"a slow one", 2 * time.Second, yieldMost, false},
		{"the node ends", 10 * time.Millisecond, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				halted := make(chan struct{})
				if test.ended {
					close(halted)
				}
				y := &yielding{Writer: slowDisk(test.piece), began: time.Now(), halted: halted}
				began := time.Now()
				const rounds, pieces = 3, 4
				for range rounds * pieces {
					if n, err := y.Write(make([]byte, syncEvery/pieces)); n != syncEvery/pieces || err != nil {
						t.Fatal(n, err)
					}
				}
				if took, want := time.Since(began), rounds*(pieces*test.piece+test.rest); took != want {
					t.Errorf("took %v, want %v", took, want)
				}
			})
		})
	}
}
