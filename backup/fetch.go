package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"meridian/internal/objects"
)

// OpenFull reads the snapshot of a manifest. Its length and checksum are compared as it is read: the
// last Read fails instead of ending well if they differ.
func (b *Bucket) OpenFull(ctx context.Context, m Manifest) (io.ReadCloser, error) {
	r, size, err := b.store.GetStream(ctx, m.Snapshot)
	if errors.Is(err, objects.ErrNotFound) {
		return nil, fmt.Errorf("%w: the snapshot %s of its manifest is not in the bucket", ErrMissing, m.Snapshot)
	}
	if err != nil {
		return nil, err
	}
	if size != m.Bytes {
		return nil, errors.Join(fmt.Errorf("%w: the snapshot %s has %d bytes, its manifest says %d", ErrDamaged, m.Snapshot, size, m.Bytes), r.Close())
	}
	return &checkedReader{r: r, m: m, digest: sha256.New()}, nil
}

type checkedReader struct {
	r      io.ReadCloser
	m      Manifest
	digest hash.Hash
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.digest.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(c.digest.Sum(nil)); got != c.m.SHA256 {
			return n, fmt.Errorf("%w: the snapshot %s does not have the checksum of its manifest", ErrDamaged, c.m.Snapshot)
		}
	}
	return n, err
}

func (c *checkedReader) Close() error { return c.r.Close() }

// readAhead is how many segments are fetched before they are needed.
const readAhead = 8

type fetched struct {
	segment Segment
	err     error
}

// errGone says that a segment was there when the bucket was listed, and is not any more: a leader that
// still serves has merged it with its neighbours.
var errGone = fmt.Errorf("%w: it has gone since the bucket was listed; start again", ErrMissing)

// listAgainMax is how often the bucket is listed again for the same segment.
const listAgainMax = 5

// Segments reads a chain in order. It stops at the first error, fn's included. Where segments are
// merged meanwhile it goes on with what they have become, so that entries may come twice.
func (b *Bucket) Segments(ctx context.Context, chain []Span, timeline uint32, fn func(Segment) error) error {
	if len(chain) == 0 {
		return ctx.Err()
	}
	reached, end := chain[0].After, chain[len(chain)-1].To
	for again := 0; ; again++ {
		err := b.readChain(ctx, chain, timeline, func(s Segment) error {
			if err := fn(s); err != nil {
				return err
			}
			reached, again = s.To, 0
			return nil
		})
		if !errors.Is(err, errGone) || again == listAgainMax {
			return err
		}
		t, err := b.Timeline(ctx, timeline)
		if err != nil {
			return err
		}
		if chain, err = t.Chain(reached, end); err != nil {
			return err
		}
	}
}

func (b *Bucket) readChain(ctx context.Context, chain []Span, timeline uint32, fn func(Segment) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan chan fetched, readAhead)
	go func() {
		defer close(queue)
		for _, span := range chain {
			slot := make(chan fetched, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return
			}
			go func() {
				s, err := b.Segment(ctx, span, timeline)
				slot <- fetched{s, err}
			}()
		}
	}()
	for slot := range queue {
		f := <-slot
		if f.err != nil {
			return f.err
		}
		if err := fn(f.segment); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Segment reads one segment.
func (b *Bucket) Segment(ctx context.Context, span Span, timeline uint32) (Segment, error) {
	if span.Bytes > maxSegment {
		return Segment{}, fmt.Errorf("%w: segment %s has %d bytes", ErrDamaged, span.Key, span.Bytes)
	}
	o, err := b.store.Get(ctx, span.Key)
	if errors.Is(err, objects.ErrNotFound) {
		return Segment{}, fmt.Errorf("segment %s: %w", span.Key, errGone)
	}
	if err != nil {
		return Segment{}, err
	}
	s, err := decodeSegment(o.Body)
	if err != nil {
		return Segment{}, fmt.Errorf("segment %s: %w", span.Key, err)
	}
	if s.Timeline != timeline || s.After != span.After || s.To != span.To {
		return Segment{}, fmt.Errorf("%w: segment %s says that it is timeline %d, %d to %d", ErrDamaged, span.Key, s.Timeline, s.After, s.To)
	}
	return s, nil
}
