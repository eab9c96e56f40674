package replication

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// onEachLog runs a test on every kind of log. raft-wal gets small files, so that it has to change them.
func onEachLog(t *testing.T, test func(t *testing.T, change func(*Config))) {
	for _, kind := range []LogKind{LogBolt, LogWAL} {
		t.Run(string(kind), func(t *testing.T) {
			test(t, func(cfg *Config) { cfg.LogKind, cfg.segmentBytes = kind, 32<<10 })
		})
	}
}

// openLogIn opens the log of a node that does not run.
func openLogIn(t *testing.T, dir string, change func(*Config)) (logFiles, error) {
	t.Helper()
	cfg := fastConfig("a", dir)
	change(&cfg)
	cfg.applyDefaults()
	return newNode(cfg, &journal{}).openLog()
}

// TestLogModel compares a log with a plain slice: appends, cuts at both ends, and openings in between.
func TestLogModel(t *testing.T) {
	onEachLog(t, func(t *testing.T, change func(*Config)) {
		seed := rand.Uint64()
		if s, err := strconv.ParseUint(os.Getenv("LOG_SEED"), 10, 64); err == nil {
			seed = s
		}
		t.Logf("LOG_SEED=%d", seed)
		m := &logModel{t: t, rng: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), change: change, next: 1}
		m.open()
		for range 400 {
			m.step()
		}
		m.compare()
		if err := m.log.Close(); err != nil {
			t.Error(err)
		}
	})
}

type logModel struct {
	t      *testing.T
	rng    *rand.Rand
	dir    string
	change func(*Config)
	log    logFiles
	// want are the entries, next the index after the last; term goes up with every cut of the end.
	want []raft.Log
	next uint64
	term uint64
	cut  raft.Log // the last entry that was cut off the front
}

func (m *logModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *logModel) open() {
	m.t.Helper()
	log, err := openLogIn(m.t, m.dir, m.change)
	m.must(err)
	m.log = log
}

func (m *logModel) step() {
	switch k := m.rng.IntN(20); {
	case k < 14:
		m.append()
	case k < 16 && len(m.want) > 0: // a snapshot cuts the beginning, at times all of it
		n := 1 + m.rng.IntN(len(m.want))
		m.must(m.log.DeleteRange(m.want[0].Index, m.want[n-1].Index))
		m.cut, m.want = m.want[n-1], m.want[n:]
	case k < 18 && len(m.want) > 1: // another leader's entries replace the end
		n := 1 + m.rng.IntN(len(m.want)-1)
		m.must(m.log.DeleteRange(m.want[n].Index, m.want[len(m.want)-1].Index))
		m.want, m.term = m.want[:n], m.term+1
		m.next = m.want[n-1].Index + 1
	case k < 19:
		m.compare()
	default:
		m.must(m.log.SetUint64([]byte(keyCurrentTerm), m.term))
		m.must(m.log.Close())
		m.open()
		term, err := m.log.GetUint64([]byte(keyCurrentTerm))
		m.must(err)
		if term != m.term {
			m.t.Fatalf("term %d after opening, wrote %d", term, m.term)
		}
		m.compare()
	}
}

func (m *logModel) append() {
	if len(m.want) == 0 && m.rng.IntN(2) == 0 {
		m.next += m.rng.Uint64N(1000) // after a snapshot from the leader the log begins further on
	}
	var batch []*raft.Log
	for range 1 + m.rng.IntN(30) {
		l := raft.Log{Index: m.next, Term: m.term, Type: raft.LogCommand, Data: bytes.Repeat([]byte{byte(m.next)}, m.rng.IntN(400))}
		m.next++
		m.want = append(m.want, l)
		batch = append(batch, &l)
	}
	m.must(m.log.StoreLogs(batch))
}

func (m *logModel) compare() {
	m.t.Helper()
	first, err := m.log.FirstIndex()
	m.must(err)
	last, err := m.log.LastIndex()
	m.must(err)
	if len(m.want) == 0 {
		if first != 0 || last != 0 {
			m.t.Fatalf("an empty log reaches from %d to %d", first, last)
		}
		return
	}
	if first != m.want[0].Index || last != m.next-1 {
		m.t.Fatalf("the log reaches from %d to %d, want %d to %d", first, last, m.want[0].Index, m.next-1)
	}
	for _, w := range m.want {
		var got raft.Log
		m.must(m.log.GetLog(w.Index, &got))
		m.same(got, w)
	}
	if err := m.log.GetLog(last+1, &raft.Log{}); !errors.Is(err, raft.ErrLogNotFound) {
		m.t.Fatalf("entry %d, which is not there: %v", last+1, err)
	}
	// raft-wal goes on answering what was cut off the front of its newest file. That is harmless as
	// long as it is what was there: entries are cut off only when they are committed.
	var before raft.Log
	if err := m.log.GetLog(first-1, &before); err == nil {
		m.same(before, m.cut)
	} else if !errors.Is(err, raft.ErrLogNotFound) {
		m.t.Fatal(err)
	}
}

func (m *logModel) same(got, want raft.Log) {
	m.t.Helper()
	if got.Index != want.Index || got.Term != want.Term || !bytes.Equal(got.Data, want.Data) {
		m.t.Fatalf("entry %d is %d of term %d with %d bytes, want term %d with %d bytes", want.Index, got.Index, got.Term, len(got.Data), want.Term, len(want.Data))
	}
}

// TestLogKindsAreNotMixed: an empty log beside the other would forget the votes that the node gave.
func TestLogKindsAreNotMixed(t *testing.T) {
	for kind, other := range map[LogKind]LogKind{LogBolt: LogWAL, LogWAL: LogBolt} {
		dir := t.TempDir()
		log, err := openLogIn(t, dir, func(cfg *Config) { cfg.LogKind = kind })
		if err != nil {
			t.Fatal(err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = openLogIn(t, dir, func(cfg *Config) { cfg.LogKind = other })
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("give %s,", kind)) {
			t.Errorf("a directory with %s was opened as %s: %v", kind, other, err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 1 {
			t.Errorf("refusing left %v behind, %v", files, err)
		}
	}
}

// TestLogInUse: a second process on the same directory is told so, and does not wait for ever.
func TestLogInUse(t *testing.T) {
	onEachLog(t, func(t *testing.T, change func(*Config)) {
		t.Parallel()
		dir := t.TempDir()
		log, err := openLogIn(t, dir, change)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		if _, err = openLogIn(t, dir, change); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("a log that is in use: %v", err)
		}
	})
}
