package analytics

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meridian/internal/durable"
)

const (
	// pruneEvery is how often the spool is looked through, and pruneAge how long a file waits before it is: what is delivered as usual is
	// erased where it arrives.
	pruneEvery = 10 * time.Minute
	pruneAge   = time.Hour
	// unreadableMax is how long a dead letter stays that cannot be read, once something was erased after it: nobody can say whose it is.
	unreadableMax = 20 * time.Hour
)

// pruneSpool takes the rows that were erased out of files that wait for long, and out of dead letters. A file is looked through again when more is to
// be erased than the last time.
func (a *Analytics) pruneSpool(now time.Time) {
	e := &a.erasures
	e.mu.Lock()
	known, newest := len(e.who), time.Time{}
	if n := len(e.all); n > 0 {
		newest = e.all[n-1].at
	}
	due := known > 0 && now.Sub(e.prunedAt) >= pruneEvery
	if due {
		e.prunedAt = now
	}
	before := e.pruned
	e.mu.Unlock()
	if !due {
		return
	}
	pruned := map[string]int{}
	for _, path := range a.spool.waiting(now.Add(-pruneAge)) {
		pruned[path] = known
		if before[path] == known {
			continue
		}
		if err := a.spool.prune(path, e.erases); err != nil {
			a.log.Error("analytics: erase from the spool; it is tried again", "path", path, "err", err)
			delete(pruned, path)
			if filepath.Base(filepath.Dir(path)) == deadDir {
				a.dropUnreadable(path, newest, now)
			}
		}
	}
	e.mu.Lock()
	e.pruned = pruned
	e.mu.Unlock()
}

// erases says whether a row was erased. The session of an erased visitor is one that was erased, too: earlier rows have it alone.
func (e *erasures) erases(r *Row) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Visitor != "" && e.who[traceOf(r.Visitor)] {
		if r.Session != "" {
			e.who[traceOf(r.Session)] = true
		}
		return true
	}
	return r.Session != "" && e.who[traceOf(r.Session)]
}

// dropUnreadable deletes a dead letter that is older than an erasure and cannot be read.
func (a *Analytics) dropUnreadable(path string, erased, now time.Time) {
	info, err := os.Stat(path)
	if err != nil || !info.ModTime().Before(erased) || now.Sub(info.ModTime()) < unreadableMax {
		return
	}
	if err := a.spool.remove(path); err != nil {
		a.log.Error("analytics: delete a dead letter that cannot be read", "path", path, "err", err)
		return
	}
	a.log.Warn("analytics: a dead letter that could not be read was deleted, since something was erased after it", "path", path)
}

// waiting are the sealed files begun before a time that lie in this process' slot, and the dead letters.
func (s *Spool) waiting(before time.Time) (paths []string) {
	s.mu.Lock()
	for _, seg := range s.queue {
		if seq, ok := sequenceOf(seg.path); ok && seq < uint64(before.UnixMilli()) {
			paths = append(paths, seg.path)
		}
	}
	s.mu.Unlock()
	dead, err := filepath.Glob(filepath.Join(s.cfg.Dir, deadDir, "*"+sealedSuffix))
	if err != nil {
		return paths
	}
	return append(paths, dead...)
}

// prune takes rows out of a sealed file. What is left keeps the token, since ClickHouse may have the batch already. One that is
// delivered meanwhile stays away.
func (s *Spool) prune(path string, erased func(*Row) bool) error {
	content, err := readSegment(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	all := len(content.Rows)
	for range 2 { // a visitor's first rows may come before those that tell whose session it is
		content.Rows = slices.DeleteFunc(content.Rows, func(r Row) bool { return erased(&r) })
	}
	switch {
	case len(content.Rows) == all:
		return nil
	case len(content.Rows) == 0:
		return s.remove(path)
	}
	b := prunedHeader(&content)
	for i := range content.Rows {
		b = appendRecord(b, &content.Rows[i])
	}
	return s.replace(path, b)
}

// replace gives a file that still waits another content, whole or not at all.
func (s *Spool) replace(path string, b []byte) error {
	s.files.Lock()
	defer s.files.Unlock()
	if stat(path) == nil {
		return nil
	}
	if err := durable.WriteFile(path, b, 0o644); err != nil {
		return err
	}
	s.cfg.step("pruned")
	s.mu.Lock()
	for i := range s.queue {
		if s.queue[i].path == path {
			s.usage.live += int64(len(b)) - s.queue[i].bytes
			s.queue[i].bytes = int64(len(b))
		}
	}
	s.mu.Unlock()
	return s.weighDead()
}

// remove deletes a file of which nothing is left.
func (s *Spool) remove(path string) error {
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.HasPrefix(path, filepath.Join(s.cfg.Dir, deadDir)) {
		if err := os.Remove(path + ".reason"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	s.cfg.step("emptied")
	s.leave(sealed{path: path})
	return errors.Join(durable.SyncDir(filepath.Dir(path)), s.weighDead())
}
