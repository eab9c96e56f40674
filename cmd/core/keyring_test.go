package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/internal/flagenv"
)

// ends wants a process to end by itself and to say why.
func (r *rig) ends(p *proc, code int, says string) {
	r.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(40 * time.Second):
		r.t.Fatalf("%s goes on, it should say %q", p.id, says)
	}
	if p.code != code || !strings.Contains(p.log.String(), says) {
		r.t.Errorf("%s ended with %d, want %d and %q:\n%s", p.id, p.code, code, says, p.log)
	}
}

// TestOtherKeyringIsRefused: a core with another key ring than its cluster's neither joins, nor goes on as a
// voter that begins with the others, nor starts again.
func TestOtherKeyringIsRefused(t *testing.T) {
	r := newRig(t)
	r.makeKeyring("other")
	one := r.start("core-1", "core-1")
	r.start("core-2", "core-2")
	client := r.client("core-1", "core-2")
	await(t, "two voters", func() bool {
		v, _, err := coreclient.Do(t.Context(), client, api.ClusterGet, api.None{}, staffCall())
		return err == nil && v.LiveVoters == 2
	})
	const says = "copy the file of --keyring from another core"
	r.ends(r.start("core-4", "core-4", "--keyring", r.path("other"), "--region", "far", "--join", "core-1=r1@"+one.api), flagenv.ExitFailed, says)
	r.ends(r.start("core-3", "core-3", "--keyring", r.path("other"), "--region", "r3", "--peers", r.peers), flagenv.ExitFailed, says)
	r.stop(one, syscall.SIGTERM)
	r.ends(r.start("core-1", "core-1", "--keyring", r.path("other"), "--region", "r1", "--peers", r.peers), flagenv.ExitFailed, says)

	v, _, err := coreclient.Do(t.Context(), client, api.ClusterGet, api.None{}, staffCall())
	if _, joined := memberOf(v, "core-4"); err == nil && joined {
		t.Error("core-4 is a member all the same")
	}
	one = r.start("core-1", "core-1")
	await(t, "core-1 with the key ring it had", func() bool {
		v, _, err := coreclient.Do(t.Context(), client, api.ClusterGet, api.None{}, staffCall())
		return err == nil && v.LiveVoters == 2
	})
}

// TestKeyringIsMadeOnce: by the first core of --peers with an empty directory, and by no other start.
func TestKeyringIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	token, ring, data := filepath.Join(dir, "token"), filepath.Join(dir, "ring"), filepath.Join(dir, "data")
	for _, err := range []error{os.WriteFile(token, []byte("a secret of more than sixteen"), 0o600), os.MkdirAll(filepath.Join(data, "lost+found"), 0o700), os.MkdirAll(filepath.Join(dir, "used", "snapshots"), 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const peers = "core-1=eu@127.0.0.1:1@127.0.0.1:2,core-2=us@127.0.0.1:3@127.0.0.1:4"
	// None of them gets further than this setting.
	start := func(more ...string) error {
		return run(context.Background(), append([]string{"serve", "--cluster-token-file", token, "--keyring", ring, "--payments-url", "nowhere"}, more...))
	}
	for want, args := range map[string][]string{
		"copy it from another core":    {"--id", "core-1", "--peers", peers, "--data", filepath.Join(dir, "used")},
		"core-1: start that one first": {"--id", "core-2", "--raft-addr", "127.0.0.1:3", "--peers", peers, "--data", data},
		"only the first core":          {"--id", "core-4", "--join", "core-1=eu@127.0.0.1:2", "--data", data},
	} {
		if err := start(args...); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "safe copy") {
			t.Errorf("%v: %v", args, err)
		}
		if _, err := os.Stat(ring); err == nil {
			t.Fatalf("%v: made a key ring", args)
		}
	}
	if err := start("--id", "core-1", "--raft-addr", "127.0.0.1:1", "--peers", peers, "--data", data); err == nil || !strings.Contains(err.Error(), "--payments-url") {
		t.Errorf("the first core: %v", err)
	}
	if _, err := os.Stat(ring); err != nil {
		t.Error(err)
	}
}
