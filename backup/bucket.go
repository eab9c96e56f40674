package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"meridian/internal/objects"
)

const manifestVersion = 1

// Manifest describes a full backup. It is written after the snapshot, so that whoever finds it finds
// the snapshot whole.
type Manifest struct {
	Version  int    `json:"version"`
	Timeline uint32 `json:"timeline"`
	Index    uint64 `json:"index"`
	Term     uint64 `json:"term"`
	Hash     string `json:"hash"`    // of the state, 16 hexadecimal digits
	TimeMS   int64  `json:"time_ms"` // log time of the state
	Snapshot string `json:"snapshot"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
	History  string `json:"history"`

	key string
}

type owner struct {
	Version int    `json:"version"`
	History string `json:"history"`
}

// Bucket is the place of backups in S3.
type Bucket struct {
	store  *objects.Store
	prefix string
	ends   ends
}

// NewBucket is the backups below a prefix, which is empty or ends in a slash.
func NewBucket(store *objects.Store, prefix string) *Bucket {
	return &Bucket{store: store, prefix: prefix}
}

// Timeline is what the bucket holds of one timeline.
type Timeline struct {
	Number  uint32
	History string     // empty: nobody has claimed it
	Fulls   []Manifest // oldest first
	Spans   []Span     // in the order of their names
	// Damaged are manifests that cannot be read: their full backups do not count.
	Damaged []error
}

// Timelines lists the bucket, oldest timeline first.
func (b *Bucket) Timelines(ctx context.Context) ([]Timeline, error) {
	return b.settled(ctx, b.prefix)
}

// Timeline lists one timeline; it is empty if the bucket knows nothing of it.
func (b *Bucket) Timeline(ctx context.Context, number uint32) (Timeline, error) {
	all, err := b.settled(ctx, timelineDir(b.prefix, number))
	if err != nil || len(all) == 0 {
		return Timeline{Number: number}, err
	}
	return all[0], nil
}

// settled lists again where the log has a hole: a listing is not of one moment, and a leader that serves
// merges segments meanwhile. A hole that stays is one.
func (b *Bucket) settled(ctx context.Context, prefix string) (all []Timeline, err error) {
	for range listAgainMax {
		if all, err = b.list(ctx, prefix); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(t Timeline) bool { _, hole := t.Hole(); return hole && len(t.Fulls) > 0 }) {
			break
		}
	}
	return all, nil
}

func (b *Bucket) list(ctx context.Context, prefix string) ([]Timeline, error) {
	byNumber := map[uint32]*Timeline{}
	var small []string // owners and manifests, read after the listing
	err := b.store.List(ctx, prefix, "", func(e objects.Entry) error {
		number, kind, after, to := parseKey(strings.TrimPrefix(e.Key, b.prefix))
		if kind == "" {
			return nil
		}
		t := byNumber[number]
		if t == nil {
			t = &Timeline{Number: number}
			byNumber[number] = t
		}
		switch kind {
		case "segment":
			t.Spans = append(t.Spans, Span{e.Key, after, to, e.Size})
		case "owner", "manifest":
			small = append(small, e.Key)
		}
		return nil
	})
	for _, key := range small {
		if err == nil {
			err = b.readSmall(ctx, key, byNumber)
		}
	}
	if err != nil {
		return nil, err
	}
	out := make([]Timeline, 0, len(byNumber))
	for _, t := range byNumber {
		slices.SortFunc(t.Fulls, func(a, b Manifest) int { return cmp.Compare(a.Index, b.Index) })
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Timeline) int { return cmp.Compare(a.Number, b.Number) })
	return out, nil
}

func (b *Bucket) readSmall(ctx context.Context, key string, timelines map[uint32]*Timeline) error {
	o, err := b.store.Get(ctx, key)
	if errors.Is(err, objects.ErrNotFound) {
		return nil // retention was faster
	}
	if err != nil {
		return err
	}
	number, kind, _, _ := parseKey(strings.TrimPrefix(key, b.prefix))
	if kind == "owner" {
		var w owner
		if err := json.Unmarshal(o.Body, &w); err != nil || w.Version != 1 {
			return fmt.Errorf("%w: %s cannot be read as the owner of a timeline", ErrDamaged, key)
		}
		timelines[number].History = w.History
		return nil
	}
	m, t := Manifest{key: key}, timelines[number]
	err = json.Unmarshal(o.Body, &m)
	switch snap, _ := (layout{b.prefix, number}).full(m.Index, saltOf(key)); {
	case err != nil:
		t.Damaged = append(t.Damaged, fmt.Errorf("%w: manifest %s: %w", ErrDamaged, key, err))
	case m.Version != manifestVersion:
		return fmt.Errorf("manifest %s has version %d, this program knows %d: use the program that wrote it, or a newer one", key, m.Version, manifestVersion)
	case m.Timeline != number || !strings.HasSuffix(m.Snapshot, path.Base(snap)) || len(m.Hash) != 16 || m.Bytes <= 0:
		t.Damaged = append(t.Damaged, fmt.Errorf("%w: manifest %s contradicts its name or itself", ErrDamaged, key))
	default:
		t.Fulls = append(t.Fulls, m)
	}
	return nil
}

// claim makes a timeline this history's own, or finds that it is another's.
func (b *Bucket) claim(ctx context.Context, p Position) error {
	key := layout{b.prefix, p.Timeline}.owner()
	body, err := json.Marshal(owner{Version: 1, History: p.History})
	if err != nil {
		return err
	}
	err = b.store.PutNew(ctx, key, "application/json", body)
	if err != nil && !errors.Is(err, objects.ErrExists) {
		return err
	}
	o, err := b.store.Get(ctx, key)
	if err != nil {
		return err
	}
	var w owner
	if err := json.Unmarshal(o.Body, &w); err != nil {
		return fmt.Errorf("%w: %s cannot be read as the owner of a timeline", ErrDamaged, key)
	}
	if w.History != p.History {
		return fmt.Errorf("%w: timeline %d there is of %s, this is %s; give --backup another prefix, or restore from there first",
			ErrForeign, p.Timeline, w.History, p.History)
	}
	return nil
}
