package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/backup"
	"meridian/internal/flagenv"
	"meridian/internal/objects"
	"meridian/internal/objects/s3test"
)

// printed is what fn writes to standard output.
func printed(t *testing.T, fn func() error) (string, error) {
	t.Helper()
	old := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = w
	got := make(chan []byte, 1)
	go func() { b, _ := io.ReadAll(r); got <- b }()
	err = fn()
	os.Stdout = old
	w.Close()
	return string(<-got), err
}

// TestDamagedBackups takes pieces of a real backup away, or changes them. What can be restored is, and what
// cannot is named: nothing ends early in silence.
func TestDamagedBackups(t *testing.T) {
	srv := s3test.Start(t)
	dir := t.TempDir()
	s3 := objects.Config{Endpoint: srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Bucket: "backups"}
	n, stop := alone(t, dir, filepath.Join(dir, "data"), filepath.Join(dir, "ring"), s3)
	soon(t, "a full backup", func() bool { return n.Backup.Status().Complete && !n.Backup.Status().FullRunning })
	first := n.Backup.Status().LastFull.Index
	soon(t, "entries", func() bool { return n.Machine.Index().Raft > first+2 })
	n.Backup.Take()
	soon(t, "another full backup", func() bool { return n.Backup.Status().LastFull.Index > first })
	newest := n.Backup.Status().LastFull
	soon(t, "segments after it", func() bool {
		tl, err := n.Backup.Bucket().Timeline(t.Context(), 1)
		return err == nil && n.Backup.Status().Shipped > newest.Index+3 && len(tl.Spans) > 5
	})
	stop()
	store, err := objects.New(s3)
	if err != nil {
		t.Fatal(err)
	}
	bucket := backup.NewBucket(store, "shop/")
	tl, err := bucket.Timeline(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	end := tl.End()
	chain, err := tl.Chain(newest.Index, end)
	if err != nil || len(chain) < 3 {
		t.Fatalf("%v, %v", chain, err)
	}

	secretFile := filepath.Join(dir, "s3.secret")
	if err := os.WriteFile(secretFile, []byte(srv.SecretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := fmt.Sprintf(" --s3-endpoint %s --s3-access-key %s --s3-secret-key-file %s", srv.Endpoint, srv.AccessKey, secretFile)
	core := func(args, more string) (string, error) {
		t.Helper()
		return printed(t, func() error { return run(t.Context(), strings.Fields(args+flags+" "+more)) })
	}
	made := 0
	restored := func(more string) (string, uint64, error) {
		t.Helper()
		made++
		data := filepath.Join(dir, "in", "a", "new", fmt.Sprint("place", made)) // its parents are made
		out, err := core("restore --from s3://backups/shop --raft-addr 127.0.0.1:9001 --data "+data, more)
		if err != nil {
			return out, 0, err
		}
		return out, restoredAt(t, data), nil
	}
	without := func(key string, body func([]byte) []byte, try func()) {
		t.Helper()
		o, err := store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if changed := body(bytes.Clone(o.Body)); changed == nil {
			err = store.Remove(t.Context(), key)
		} else {
			err = store.Put(t.Context(), key, "application/octet-stream", changed)
		}
		if err != nil {
			t.Fatal(err)
		}
		try()
		if err := store.Put(t.Context(), key, "application/octet-stream", o.Body); err != nil {
			t.Fatal(err)
		}
	}
	gone := func([]byte) []byte { return nil }
	cut := func(b []byte) []byte { return b[:len(b)-3] }
	flipped := func(b []byte) []byte { b[len(b)/2] ^= 0x40; return b }

	// The newest full backup: an older one and the log do as well.
	manifest := strings.TrimSuffix(newest.Snapshot, ".snap") + ".json"
	for name, c := range map[string]struct {
		key  string
		body func([]byte) []byte
	}{"no snapshot": {newest.Snapshot, gone}, "a cut snapshot": {newest.Snapshot, cut}, "a flipped bit": {newest.Snapshot, flipped},
		"a cut manifest": {manifest, cut}, "a flipped bit in the manifest": {manifest, flipped}} {
		without(c.key, c.body, func() {
			out, at, err := restored("")
			if err != nil || at != end || !strings.Contains(out, "DAMAGED") {
				t.Errorf("%s: restored to %d of %d, %v:\n%s", name, at, end, err, out)
			}
			if _, err := core("check --backup s3://backups/shop", ""); err == nil || !strings.Contains(err.Error(), "core backup take") {
				t.Errorf("%s: core check says %v", name, err)
			}
			if strings.Contains(name, "manifest") {
				if out, err := core("backup list --from s3://backups/shop", ""); err != nil || !strings.Contains(out, "PROBLEM") {
					t.Errorf("%s: %v\n%s", name, err, out)
				}
			}
		})
	}

	// A segment in the middle: nothing is cut off without a word.
	hole := chain[1]
	without(hole.Key, gone, func() {
		last := fmt.Sprintf("--to-index %d", hole.After)
		missing := fmt.Sprintf("entries %d to %d are missing", hole.After+1, hole.To)
		for _, more := range []string{"", "--dry-run", fmt.Sprintf("--to-index %d", end), "--to-time 2036-01-01T00:00:00Z"} {
			if _, _, err := restored(more); !errors.Is(err, backup.ErrMissing) || !strings.Contains(err.Error(), missing) || !strings.Contains(err.Error(), last) {
				t.Errorf("restore %s: %v", more, err)
			}
		}
		if _, at, err := restored(last); err != nil || at != hole.After {
			t.Errorf("restore %s: to %d, %v", last, at, err)
		}
		if _, err := core("check --backup s3://backups/shop", ""); !errors.Is(err, backup.ErrMissing) || !strings.Contains(err.Error(), missing) {
			t.Errorf("core check says %v", err)
		}
		if out, err := core("backup list --from s3://backups/shop", ""); err != nil || !strings.Contains(out, missing) {
			t.Errorf("core backup list: %v\n%s", err, out)
		}
	})

	// A list says when its ranges begin and end.
	last, err := bucket.Segment(t.Context(), chain[len(chain)-1], 1)
	if err != nil {
		t.Fatal(err)
	}
	ends := fmt.Sprintf("(%s) to %d (%s)", clock(tl.Fulls[0].TimeMS), end, clock(last.LastMS))
	if out, err := core("backup list --from s3://backups/shop", ""); err != nil || !strings.Contains(out, ends) {
		t.Errorf("want %s: %v\n%s", ends, err, out)
	}

	// Where there is none, that is said, and how to make one.
	for args, flag := range map[string]string{"check --backup s3://backups/nothing": "--backup:", "restore --from s3://backups/nothing --data " + filepath.Join(dir, "none"): "--from:"} {
		if _, err := core(args, ""); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.HasPrefix(err.Error(), flag+" there is no backup in s3://backups/nothing") || !strings.Contains(err.Error(), "core backup take") {
			t.Errorf("core %s: %v", args, err)
		}
	}

	// A moment that the backup does not have.
	if _, _, err := restored("--to-time 2036-01-01T00:00:00Z"); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "before the time asked for") {
		t.Errorf("a time to come: %v", err)
	}
	if _, _, err := restored("--to-time 2006-01-01T00:00:00Z"); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "--to-time") {
		t.Errorf("a time before: %v", err)
	}
	for _, bad := range []string{"--raft-addr nonsense", "--raft-addr 0.0.0.0:19030", "--api-addr :1", "--raft-log paper"} {
		if _, _, err := restored("--dry-run " + bad); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), strings.Fields(bad)[0]) {
			t.Errorf("%s: %v", bad, err)
		}
	}

	// What is not a backup's fault is not blamed on it.
	for bad, want := range map[string]string{"--s3-access-key wrong": "access key", "--from s3://typo/shop": "no such bucket"} {
		if _, _, err := restored(bad); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "--timeline") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
