package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// logFile is the only file of the log store: records, each `length 4 | crc32c 4 | payload`, appended and
// synced one call at a time. After a crash the first record that does not check ends the log; nothing
// behind it was ever acknowledged.
const logFile = "log"

// The first byte of a payload.
const (
	recordEntry  = 1
	recordDelete = 2
	recordSet    = 3
)

// compactBytes is the size beyond which the log is written anew without what was deleted.
const compactBytes = 1 << 20

// logStore is a raft.LogStore and raft.StableStore over a simulated disk.
type logStore struct {
	h handle

	turn chan struct{} // held by who writes; a lock would not let simulated time pass
	size int           // of the file

	mu      sync.Mutex // never held while simulated time passes
	entries map[uint64]*raft.Log
	first   uint64
	last    uint64
	keys    map[string][]byte
	live    int // bytes that a compaction would keep, roughly
}

var (
	_ raft.LogStore    = (*logStore)(nil)
	_ raft.StableStore = (*logStore)(nil)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openLog(h handle) (*logStore, error) {
	s := &logStore{h: h, turn: make(chan struct{}, 1), entries: map[uint64]*raft.Log{}, keys: map[string][]byte{}}
	b, err := h.read(logFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err = h.writeAt(logFile, 0, nil); err == nil {
			err = errors.Join(h.sync(logFile), h.syncDir())
		}
		return s, err
	}
	if err != nil {
		return nil, err
	}
	for at := 0; ; {
		payload, next, ok := cutRecord(b, at)
		if !ok {
			s.size = at
			break
		}
		s.replay(payload)
		at = next
	}
	if s.size < len(b) { // a torn tail; what is behind it must not come back under a later append
		if err := h.truncate(logFile, s.size); err != nil {
			return nil, err
		}
	}
	return s, h.sync(logFile) // what was read may be in the page cache only: a killed process leaves it there
}

func record(payload []byte) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.LittleEndian.PutUint32(b, uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

func cutRecord(b []byte, at int) (payload []byte, next int, ok bool) {
	if at+8 > len(b) {
		return nil, at, false
	}
	n := int(binary.LittleEndian.Uint32(b[at:]))
	if n == 0 || at+8+n > len(b) {
		return nil, at, false
	}
	payload = b[at+8 : at+8+n]
	return payload, at + 8 + n, crc32.Checksum(payload, castagnoli) == binary.LittleEndian.Uint32(b[at+4:])
}

func encodeLog(l *raft.Log) []byte {
	b := make([]byte, 0, 32+len(l.Data)+len(l.Extensions))
	b = append(b, recordEntry, byte(l.Type))
	b = binary.LittleEndian.AppendUint64(b, l.Index)
	b = binary.LittleEndian.AppendUint64(b, l.Term)
	b = binary.LittleEndian.AppendUint64(b, uint64(l.AppendedAt.UnixNano()))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(l.Data)))
	b = append(b, l.Data...)
	return append(b, l.Extensions...)
}

func decodeLog(b []byte) *raft.Log {
	n := int(binary.LittleEndian.Uint32(b[26:]))
	l := &raft.Log{
		Type: raft.LogType(b[1]), Index: binary.LittleEndian.Uint64(b[2:]), Term: binary.LittleEndian.Uint64(b[10:]),
		AppendedAt: time.Unix(0, int64(binary.LittleEndian.Uint64(b[18:]))), Data: slices.Clone(b[30 : 30+n]),
	}
	if len(b) > 30+n {
		l.Extensions = slices.Clone(b[30+n:])
	}
	return l
}

func (s *logStore) replay(b []byte) {
	switch b[0] {
	case recordEntry:
		s.put(decodeLog(b))
	case recordDelete:
		s.drop(binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:]))
	case recordSet:
		n := int(binary.LittleEndian.Uint32(b[1:]))
		s.keys[string(b[5:5+n])] = slices.Clone(b[5+n:])
	}
}

func (s *logStore) put(l *raft.Log) {
	s.entries[l.Index] = l
	s.live += 40 + len(l.Data)
	if s.first == 0 || l.Index < s.first {
		s.first = l.Index
	}
	s.last = max(s.last, l.Index)
}

func (s *logStore) drop(lo, hi uint64) {
	for i := lo; i <= hi; i++ {
		if l := s.entries[i]; l != nil {
			s.live -= 40 + len(l.Data)
			delete(s.entries, i)
		}
	}
	s.first, s.last = 0, 0
	for i := range s.entries {
		if s.first == 0 || i < s.first {
			s.first = i
		}
		s.last = max(s.last, i)
	}
}

// write appends records and syncs them, then shows them.
func (s *logStore) write(payloads ...[]byte) error {
	var b []byte
	for _, p := range payloads {
		b = append(b, record(p)...)
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	off := s.size
	s.size += len(b)
	if err := s.h.append(logFile, off, b); err != nil {
		return err
	}
	s.mu.Lock()
	for _, p := range payloads {
		s.replay(p)
	}
	compact := s.size > compactBytes && s.size > 4*s.live
	s.mu.Unlock()
	if compact {
		return s.compact()
	}
	return nil
}

// compact writes the log anew beside the old one and renames it into place. The caller has the turn.
func (s *logStore) compact() error {
	const fresh = "log.new"
	s.mu.Lock()
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(s.keys)) {
		b = append(b, record(encodeSet([]byte(k), s.keys[k]))...)
	}
	for _, i := range slices.Sorted(maps.Keys(s.entries)) {
		b = append(b, record(encodeLog(s.entries[i]))...)
	}
	s.mu.Unlock()
	if err := s.h.remove(fresh); err != nil {
		return err
	}
	if err := s.h.append(fresh, 0, b); err != nil {
		return err
	}
	if err := s.h.rename(fresh, logFile); err != nil {
		return err
	}
	s.size = len(b)
	return s.h.syncDir()
}

func (s *logStore) FirstIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first, nil
}

func (s *logStore) LastIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, nil
}

func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*l = *e
	return nil
}

func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s *logStore) StoreLogs(ls []*raft.Log) error {
	payloads := make([][]byte, len(ls))
	for i, l := range ls {
		payloads[i] = encodeLog(l)
	}
	return s.write(payloads...)
}

func (s *logStore) DeleteRange(lo, hi uint64) error {
	b := binary.LittleEndian.AppendUint64([]byte{recordDelete}, lo)
	return s.write(binary.LittleEndian.AppendUint64(b, hi))
}

func encodeSet(k, v []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{recordSet}, uint32(len(k)))
	return append(append(b, k...), v...)
}

func (s *logStore) Set(k, v []byte) error { return s.write(encodeSet(k, v)) }

var errNoKey = errors.New("not found")

func (s *logStore) Get(k []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.keys[string(k)]
	if !ok {
		return nil, errNoKey
	}
	return slices.Clone(v), nil
}

func (s *logStore) SetUint64(k []byte, v uint64) error {
	return s.Set(k, binary.LittleEndian.AppendUint64(nil, v))
}

func (s *logStore) GetUint64(k []byte) (uint64, error) {
	b, err := s.Get(k)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("key %q has %d bytes", k, len(b))
	}
	return binary.LittleEndian.Uint64(b), nil
}
