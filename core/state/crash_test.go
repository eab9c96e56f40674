package state

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	sector   = 512
	pageSize = 4096
)

// TestPowerCut builds the files that a power cut in the middle of a checkpoint could leave: any part
// of the data sectors while the old meta page stands, then all of them under a meta page written in
// part. Each must open as the state at one of the two checkpoints and replay to the same hash.
func TestPowerCut(t *testing.T) {
	const checkpoints, perCheckpoint, images = 12, 6, 6
	seed := seed(t)
	r := rand.New(rand.NewPCG(seed, 2))
	last := uint64(checkpoints * perCheckpoint)
	hashes := truth(t, seed, last)

	path := newPath(t)
	s := open(t, path)
	read := func() []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := read()
	for i := uint64(1); i <= last; i++ {
		play(s, seed, i)
		if i%perCheckpoint != 0 {
			continue
		}
		checkpoint(t, s)
		after := read()
		// The file grows before anything is written.
		before = append(before, make([]byte, max(0, len(after)-len(before)))...)
		for range images {
			image := bytes.Clone(before)
			chance := r.Float64()
			mix(image, after, 2*pageSize, len(after), sector, func() bool { return r.Float64() < chance })
			mustOpenAt(t, image, seed, last, hashes, i-perCheckpoint)

			copy(image[2*pageSize:], after[2*pageSize:])
			mix(image, after, 0, 2*pageSize, 1, func() bool { return r.Float64() < chance })
			mustOpenAt(t, image, seed, last, hashes, i-perCheckpoint, i)
		}
		mustOpenAt(t, after, seed, last, hashes, i)
		before = after
	}
}

// mix overwrites units of image in [from, to) by those of after, where pick says so.
func mix(image, after []byte, from, to, unit int, pick func() bool) {
	for at := from; at < to; at += unit {
		end := min(at+unit, to)
		if !bytes.Equal(image[at:end], after[at:end]) && pick() {
			copy(image[at:end], after[at:end])
		}
	}
}

// mustOpenAt opens an image, which must hold the state at one of the indexes, and replays the rest.
func mustOpenAt(t *testing.T, image []byte, seed, last uint64, hashes map[uint64]uint64, allowed ...uint64) {
	t.Helper()
	path := newPath(t)
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := prepare(t, path, never)
	if err != nil {
		t.Fatal(err)
	}
	index, _ := s.Applied()
	ok := false
	for _, a := range allowed {
		ok = ok || a == index
	}
	if !ok || s.Hash() != hashes[index] {
		t.Fatalf("opened at %d with hash %016x; allowed are %v, the hash there is %016x", index, s.Hash(), allowed, hashes[index])
	}
	verify(t, s)
	for i := index + 1; i <= last; i++ {
		play(s, seed, i)
	}
	if s.Hash() != hashes[last] {
		t.Fatalf("replayed from %d: hash %016x, want %016x", index, s.Hash(), hashes[last])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestCrashAtStep copies the file at each step of many checkpoints.
func TestCrashAtStep(t *testing.T) {
	const last = 60
	seed := seed(t)
	hashes := truth(t, seed, last)
	path := newPath(t)
	s := open(t, path)
	durable := uint64(0)
	for i := uint64(1); i <= last; i++ {
		play(s, seed, i)
		if i%5 != 0 {
			continue
		}
		s.step = func(name string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			want := map[string]uint64{"frozen": durable, "committed": i}[name]
			mustOpenAt(t, b, seed, last, hashes, want)
		}
		checkpoint(t, s)
		s.step = func(string) {}
		durable = i
	}
}

// TestKill starts a process that applies entries and checkpoints, kills it at a random moment, and
// opens what it left. Each process goes on where the one before was killed.
func TestKill(t *testing.T) {
	seed := seed(t)
	r := rand.New(rand.NewPCG(seed, 3))
	path := newPath(t)
	reference := open(t, newPath(t))
	durable := uint64(0)
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		reported := runAndKill(t, path, seed, 1+r.IntN(30))
		durable = max(durable, reported)
		s := open(t, path)
		index, _ := s.Applied()
		if index < durable {
			t.Fatalf("reopened at %d, but %d was durable", index, durable)
		}
		for i := reference.Position().Index; i < index; i++ {
			play(reference, seed, i+1)
		}
		if want := reference.Hash(); s.Hash() != want {
			t.Fatalf("reopened at %d with hash %016x, want %016x", index, s.Hash(), want)
		}
		verify(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if durable == 0 {
		t.Error("no process got as far as a checkpoint")
	}
}

// runAndKill returns the last durable index that the process reported.
func runAndKill(t *testing.T, path string, seed uint64, lines int) (durable uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), "STATE_CHILD_PATH="+path, fmt.Sprintf("STATE_CHILD_SEED=%d", seed))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for killed := false; scanner.Scan(); {
		digits, ok := strings.CutPrefix(scanner.Text(), "durable ")
		if !ok {
			t.Errorf("the process says %q", scanner.Text())
			continue
		}
		if durable, err = strconv.ParseUint(digits, 10, 64); err != nil {
			t.Error(err)
		}
		if lines--; lines <= 0 && !killed {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // killed
	return durable
}

// TestKillChild is the process of TestKill.
func TestKillChild(t *testing.T) {
	path := os.Getenv("STATE_CHILD_PATH")
	if path == "" {
		t.Skip("only as the child of TestKill")
	}
	seed, err := strconv.ParseUint(os.Getenv("STATE_CHILD_SEED"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s, err := prepare(t, path, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	reported := uint64(0)
	for index, _ := s.Applied(); ; index++ {
		play(s, seed, index+1)
		if d, _ := s.Durable(); d != reported {
			reported = d
			fmt.Println("durable", d)
		}
	}
}
