package objects_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"meridian/internal/objects"
)

func TestStreamsAndLists(t *testing.T) {
	s, _ := started(t)
	ctx := t.Context()
	body := random(17 << 20) // more than one part
	n, err := s.PutStream(ctx, "a/full.snap", "application/octet-stream", bytes.NewReader(body))
	if err != nil || n != int64(len(body)) {
		t.Fatalf("put %d bytes: %v", n, err)
	}
	r, size, err := s.GetStream(ctx, "a/full.snap")
	if err != nil || size != int64(len(body)) {
		t.Fatalf("size %d: %v", size, err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("read %d bytes of %d: %v", len(got), len(body), err)
	}
	var want []string
	for i := range 12 {
		key := fmt.Sprintf("log/%02d.seg", i)
		if err := s.PutNew(ctx, key, "application/octet-stream", []byte(key)); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
	}
	if err := s.PutNew(ctx, want[3], "application/octet-stream", []byte("another")); !errors.Is(err, objects.ErrExists) {
		t.Fatalf("a second PutNew: %v", err)
	}
	if o, err := s.Get(ctx, want[3]); err != nil || string(o.Body) != want[3] {
		t.Fatalf("the second PutNew changed the file: %q, %v", o.Body, err)
	}
	list := func(after string) (keys []string) {
		if err := s.List(ctx, "log/", after, func(e objects.Entry) error { keys = append(keys, e.Key); return nil }); err != nil {
			t.Fatal(err)
		}
		return keys
	}
	if got := list(""); !slices.Equal(got, want) {
		t.Errorf("listed %q", got)
	}
	if got := list(want[8]); !slices.Equal(got, want[9:]) {
		t.Errorf("listed %q after %s", got, want[8])
	}
	for range 2 {
		if err := s.Remove(ctx, want[11]); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(want[8]); !slices.Equal(got, want[9:11]) {
		t.Errorf("listed %q after one was removed", got)
	}
	if _, _, err := s.GetStream(ctx, "a/none"); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("a stream of nothing: %v", err)
	}
}
