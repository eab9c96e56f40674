package analytics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"meridian/api"
	"meridian/internal/durable"
)

// deadDir holds batches that ClickHouse can never take, each with a .reason file.
const deadDir = "dead"

// usage is the disk space of the spool, and spoolCounters what became of rows. Both under Spool.mu.
type usage struct {
	live int64 // open and sealed segments
	dead int64
}

type spoolCounters struct {
	accepted, droppedImpressions, droppedViews, refused int64
	deadBatches, deadDeleted, torn                      int64
}

// Pressure levels, in tenths of MaxBytes: from 8 on impressions are dropped, from 9 on views too;
// carts and purchases are never dropped but refused at 11, so that their sender knows.
const (
	dropImpressionsAt = 8
	dropViewsAt       = 9
	refuseAt          = 11
)

// admit picks the rows there is room for. s.mu is held.
func (s *Spool) admit(rows []Row) ([]*Row, error) {
	used, tenth := s.usage.live+s.usage.dead, s.cfg.MaxBytes/10
	kept := make([]*Row, 0, len(rows))
	for i := range rows {
		switch c := rows[i].class(); {
		case c == classImpression && used >= dropImpressionsAt*tenth:
			s.counter.droppedImpressions++
		case c == classView && used >= dropViewsAt*tenth:
			s.counter.droppedViews++
		default:
			kept = append(kept, &rows[i])
		}
	}
	if len(kept) > 0 && used >= refuseAt*tenth {
		s.counter.refused += int64(len(kept))
		return nil, api.NewError(api.CodeOverloaded, "Events cannot be stored right now. Send them again later.")
	}
	return kept, nil
}

// recover reads the directory a process left behind, whenever it ended.
func (s *Spool) recover() error {
	if err := s.gather(s.dir); err != nil {
		return err
	}
	return s.weighDead()
}

// gather queues what lies in a slot whose lock is held. Files left open are sealed.
func (s *Spool) gather(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var found []sealed
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if halfWritten(e.Name()) {
			_ = os.Remove(path)
			continue
		}
		seq, ok := sequenceOf(path)
		if !ok {
			continue
		}
		if strings.HasSuffix(path, openSuffix) {
			if path, err = s.recoverOpen(path); err != nil {
				return err
			}
		}
		if !strings.HasSuffix(path, sealedSuffix) {
			continue
		}
		s.seq = max(s.seq, seq)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if path, ok = s.bring(path); ok {
			found = append(found, sealed{path: path, bytes: info.Size(), found: true})
		}
	}
	if len(found) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range found {
		s.queue = append(s.queue, seg)
		s.usage.live += seg.bytes
	}
	sort.SliceStable(s.queue, func(i, j int) bool {
		a, _ := sequenceOf(s.queue[i].path)
		b, _ := sequenceOf(s.queue[j].path)
		return a < b
	})
	signal(s.ready)
	return nil
}

// halfWritten says whether a file is what a kill left of one that was to replace a sealed one (durable.WriteFile).
func halfWritten(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, sealedSuffix+"-")
}

// recoverOpen cuts the torn tail of a file left open and seals it; "" when nothing was in it.
func (s *Spool) recoverOpen(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	seg, length, err := parseSegment(strings.TrimSuffix(filepath.Base(path), openSuffix), b)
	switch {
	case err != nil && len(b) > headerMax:
		// Damaged, or of a later version: sealed as it is, and buried with the reason on delivery.
	case err != nil || len(seg.Rows) == 0:
		return "", os.Remove(path) // nothing in it was ever acknowledged
	case length < len(b):
		s.mu.Lock()
		s.counter.torn++
		s.mu.Unlock()
		if err := truncate(path, int64(length)); err != nil {
			return "", err
		}
	}
	to := strings.TrimSuffix(path, openSuffix) + sealedSuffix
	if err := os.Rename(path, to); err != nil {
		return "", err
	}
	return to, durable.SyncDir(filepath.Dir(to))
}

func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

// oldest is the segment that has waited longest.
func (s *Spool) oldest() (sealed, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return sealed{}, false
	}
	return s.queue[0], true
}

// take gives the oldest segment that nobody has taken to one who delivers it.
func (s *Spool) take() (sealed, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.queue, func(seg sealed) bool { return !seg.taken })
	if i < 0 {
		return sealed{}, false
	}
	s.queue[i].taken = true
	if i+1 < len(s.queue) {
		signal(s.ready) // for who else delivers
	}
	return s.queue[i], true
}

// done removes a segment that ClickHouse has acknowledged. If the process dies before the removal,
// the next one sends it again under the same token.
func (s *Spool) done(seg sealed) error {
	s.cfg.step("acknowledged")
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.Remove(seg.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a delivered segment: %w", err)
	}
	s.cfg.step("removed")
	s.leave(seg)
	return nil
}

// leave takes a segment off the queue.
func (s *Spool) leave(seg sealed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queue {
		if s.queue[i].path == seg.path {
			s.usage.live -= s.queue[i].bytes
			s.queue = append(s.queue[:i:i], s.queue[i+1:]...)
			return
		}
	}
}

// bury moves a segment that can never be delivered aside, with the reason beside it.
func (s *Spool) bury(seg sealed, reason error) error {
	s.files.Lock()
	defer s.files.Unlock()
	to := filepath.Join(s.cfg.Dir, deadDir, filepath.Base(seg.path))
	if err := os.WriteFile(to+".reason", []byte(reason.Error()+"\n"), 0o644); err != nil {
		return fmt.Errorf("bury a segment: %w", err)
	}
	if err := os.Rename(seg.path, to); err != nil {
		return fmt.Errorf("bury a segment: %w", err)
	}
	s.leave(seg)
	s.mu.Lock()
	s.counter.deadBatches++
	s.mu.Unlock()
	return s.weighDead()
}

// weighDead counts the dead letters' space and deletes the oldest beyond a tenth of the spool.
func (s *Spool) weighDead() error {
	files, err := filepath.Glob(filepath.Join(s.cfg.Dir, deadDir, "*"+sealedSuffix))
	if err != nil {
		return err
	}
	halves, err := filepath.Glob(filepath.Join(s.cfg.Dir, deadDir, ".*"+sealedSuffix+"-*"))
	if err != nil {
		return err
	}
	for _, f := range halves {
		_ = os.Remove(f)
	}
	sort.Slice(files, func(i, j int) bool {
		a, _ := sequenceOf(files[i])
		b, _ := sequenceOf(files[j])
		return a > b
	})
	var sum, deleted int64
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return err
		}
		if sum+info.Size() > s.cfg.MaxBytes/10 {
			deleted++
			_ = os.Remove(f + ".reason")
			if err := os.Remove(f); err != nil {
				return err
			}
			continue
		}
		sum += info.Size()
	}
	s.mu.Lock()
	s.usage.dead = sum
	s.counter.deadDeleted += deleted
	s.mu.Unlock()
	return nil
}
