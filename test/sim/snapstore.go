package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Snapshots are a file each: the meta data in JSON and the state, both checked, written beside and renamed.
const (
	snapPrefix = "snap-"
	snapFresh  = "new-snap"
	snapKept   = 2
)

type snapStore struct {
	h     handle
	fresh *atomic.Int64
	whole *sync.Map // id to meta data of those that were checked already
}

var _ raft.SnapshotStore = snapStore{}

type snapFile struct {
	Meta raft.SnapshotMeta
	CRC  uint32
}

func openSnapshots(h handle) snapStore { return snapStore{h, new(atomic.Int64), new(sync.Map)} }

func (s snapStore) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, ci uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	id := fmt.Sprintf("%s%012d-%08d-%d", snapPrefix, index, term, s.fresh.Add(1))
	return &snapSink{s: s, meta: raft.SnapshotMeta{Version: v, ID: id, Index: index, Term: term, Configuration: c, ConfigurationIndex: ci}}, nil
}

// open reads a snapshot and checks it.
func (s snapStore) open(id string) (*raft.SnapshotMeta, []byte, error) {
	b, err := s.h.read(id)
	if err != nil {
		return nil, nil, err
	}
	head, body, ok := bytes.Cut(b, []byte("\n"))
	var f snapFile
	if !ok || json.Unmarshal(head, &f) != nil || int64(len(body)) != f.Meta.Size || crc32.Checksum(body, castagnoli) != f.CRC {
		return nil, nil, fmt.Errorf("snapshot %s is damaged", id)
	}
	return &f.Meta, body, nil
}

// List gives the snapshots that are whole, the newest first.
func (s snapStore) List() ([]*raft.SnapshotMeta, error) {
	names, err := s.h.list(snapPrefix)
	if err != nil {
		return nil, err
	}
	slices.Reverse(names)
	var out []*raft.SnapshotMeta
	for _, n := range names {
		if len(out) == snapKept {
			break
		}
		if known, ok := s.whole.Load(n); ok {
			out = append(out, known.(*raft.SnapshotMeta))
		} else if meta, _, err := s.open(n); err == nil {
			s.whole.Store(n, meta)
			out = append(out, meta)
		}
	}
	return out, nil
}

func (s snapStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if !strings.HasPrefix(id, snapPrefix) {
		return nil, nil, fmt.Errorf("snapshot %s: %w", id, fs.ErrNotExist)
	}
	meta, b, err := s.open(id)
	if err != nil {
		return nil, nil, err
	}
	return meta, io.NopCloser(bytes.NewReader(b)), nil
}

type snapSink struct {
	s    snapStore
	meta raft.SnapshotMeta
	body bytes.Buffer
	done bool
}

func (k *snapSink) ID() string                  { return k.meta.ID }
func (k *snapSink) Write(p []byte) (int, error) { return k.body.Write(p) }
func (k *snapSink) Cancel() error               { k.done = true; return nil }

func (k *snapSink) Close() error {
	if k.done {
		return nil
	}
	k.done = true
	k.meta.Size = int64(k.body.Len())
	head, err := json.Marshal(snapFile{k.meta, crc32.Checksum(k.body.Bytes(), castagnoli)})
	if err != nil {
		return err
	}
	name := snapFresh + k.meta.ID
	if err := k.s.h.append(name, 0, append(append(head, '\n'), k.body.Bytes()...)); err != nil {
		return err
	}
	if err := k.s.h.rename(name, k.meta.ID); err != nil {
		return err
	}
	if err := k.s.h.syncDir(); err != nil {
		return err
	}
	return k.s.prune()
}

// prune removes what is older than the snapshots that are kept, once those are durable.
func (s snapStore) prune() error {
	names, err := s.h.list(snapPrefix)
	if err != nil {
		return err
	}
	slices.Reverse(names)
	for i, n := range names {
		if i >= snapKept {
			if err := s.h.remove(n); err != nil {
				return err
			}
		}
	}
	return nil
}
