package analytics

import (
	"fmt"
	"os"
	"path/filepath"

	"meridian/api"
	"meridian/internal/durable"
)

func (s *Spool) writeGroup() {
	s.mu.Lock()
	g := s.group
	s.group = nil
	s.mu.Unlock()
	if g == nil {
		return
	}
	g.err = s.write(g)
	close(g.done)
}

// write puts a group into the open segment and syncs it. After a failure nothing is known about the
// file's tail, and an fsync is never repeated: the file is cut to what was synced and sealed.
func (s *Spool) write(g *group) error {
	if s.open == nil {
		if err := s.begin(); err != nil {
			return s.storageError("begin a segment", err)
		}
	}
	o := s.open
	_, err := o.file.Write(g.buf)
	s.cfg.step("written")
	if err == nil {
		err = o.file.Sync()
	}
	if err == nil && !o.named { // the first group's: nothing was acknowledged before
		if err = durable.SyncDir(s.dir); err == nil {
			o.named = true
		}
	}
	if err != nil {
		_ = o.file.Truncate(o.bytes)
		s.seal()
		return s.storageError("write events", err)
	}
	o.bytes += int64(len(g.buf))
	o.rows += g.rows
	s.mu.Lock()
	s.usage.live += int64(len(g.buf))
	s.counter.accepted += int64(g.rows)
	s.mu.Unlock()
	s.cfg.step("synced")
	return nil
}

func (s *Spool) storageError(what string, err error) error {
	s.cfg.Logger.Error("event spool: storage failed", "doing", what, "err", err)
	return api.NewError(api.CodeUnavailable, "Events cannot be stored right now. Send them again later.").
		WithCause(fmt.Errorf("%s: %w", what, err))
}

// nextSequence is a time in milliseconds, or more. Those of one slot are even and those of the other odd, since a file that is brought over keeps
// its name.
func (s *Spool) nextSequence() uint64 {
	n, odd := max(s.seq+1, uint64(s.cfg.Now().UnixMilli())), uint64(0)
	if s.dir != s.cfg.Dir {
		odd = 1
	}
	return n + (n+odd)%2
}

// begin makes the next file. With its first group it becomes durable, and so does its name.
func (s *Spool) begin() error {
	s.seq = s.nextSequence()
	path := filepath.Join(s.dir, segmentName(s.cfg.Edge, s.seq)+openSuffix)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	head := segmentHeader(s.cfg.Edge, s.cfg.Region, s.cfg.Now())
	if _, err = f.Write(head); err != nil {
		_ = f.Close()
		_ = os.Remove(path)
		return err
	}
	s.open = &openSegment{file: f, path: path, bytes: int64(len(head)), born: s.cfg.Now()}
	s.mu.Lock()
	s.usage.live += int64(len(head))
	s.mu.Unlock()
	s.cfg.step("begun")
	return nil
}

// seal closes the open segment for ever and queues it. An empty one is removed.
func (s *Spool) seal() {
	o := s.open
	if o == nil {
		return
	}
	s.open = nil
	_ = o.file.Close() // its content is synced
	if o.rows == 0 {
		_ = os.Remove(o.path)
		s.mu.Lock()
		s.usage.live -= o.bytes
		s.mu.Unlock()
		return
	}
	to := o.path[:len(o.path)-len(openSuffix)] + sealedSuffix
	if err := os.Rename(o.path, to); err != nil {
		// The next start seals it; until then its rows are safe where they are.
		s.cfg.Logger.Error("event spool: seal a segment", "path", o.path, "err", err)
		return
	}
	// The new name need not be durable: after a power cut the file may have its old one, and be sealed, and sent, again.
	s.cfg.step("sealed")
	s.mu.Lock()
	s.queue = append(s.queue, sealed{path: to, bytes: o.bytes})
	s.mu.Unlock()
	signal(s.ready)
}
