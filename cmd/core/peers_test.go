package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/internal/flagenv"
)

// TestRefusedPeersLeaveNothing: addresses that cannot be right are a usage error, said before anything is written.
func TestRefusedPeersLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	token, ring, data := filepath.Join(dir, "token"), filepath.Join(dir, "ring"), filepath.Join(dir, "data")
	if err := os.WriteFile(token, []byte("a secret of more than sixteen"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	const one, two = "core-1=eu@127.0.0.1:8110@127.0.0.1:8100", "core-2=us@127.0.0.1:2@127.0.0.1:12"
	for _, c := range [][2]string{
		{"--peers " + one + "," + two + "," + two, "names core-2 twice"},
		{"--peers " + one + "," + two + ",core-3=us@127.0.0.1:2@127.0.0.1:13", "127.0.0.1:2 of core-3 is the address of core-2 already"},
		{"--peers " + one + "," + two + ",core-3=us@127.0.0.1:3@127.0.0.1:12", "127.0.0.1:12 of core-3"},
		{"--peers " + one + ",core-2=us@127.0.0.1@127.0.0.1:12", "\"127.0.0.1\" is not host:port"},
		{"--raft-addr 0.0.0.0:8110", "0.0.0.0:8110 is told to the others"},
		{"--raft-addr :8110", "is told to the others"},
		{"--raft-advertise [::]:8110", "--raft-advertise: [::]:8110"},
		{"--raft-addr 127.0.0.1:9999 --peers " + one + "," + two, "would call core-1 at 127.0.0.1:8110, and it listens at 127.0.0.1:9999"},
		{"--raft-addr 127.0.0.2:8110 --peers " + one + "," + two, "listens at 127.0.0.2:8110"},
		{"--raft-advertise 127.0.0.1:9999 --peers " + one + "," + two, "listens at 127.0.0.1:9999"},
	} {
		err := run(context.Background(), strings.Fields("serve --cluster-token-file "+token+" --keyring "+ring+" --data "+data+" "+c[0]))
		if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v (exit %d)", c[0], err, flagenv.ExitCode(err))
		}
		if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
			t.Fatalf("%s left %v, %v", c[0], left, err)
		}
		if _, err := os.Stat(ring); err == nil {
			t.Fatalf("%s made a key ring", c[0])
		}
	}
	if o, err := parseOptions(strings.Fields("--cluster-token-file " + token + " --keyring " + ring + " --data " + data + " --raft-addr 127.0.0.1:9999 --raft-advertise 127.0.0.1:8110 --peers " + one + "," + two)); err != nil || len(o.peers) != 2 {
		t.Error(err)
	}
}

// TestVoterElsewhere starts a voter again with another address: it says so itself, and names each key of its log once.
func TestVoterElsewhere(t *testing.T) {
	r := newRig(t)
	one := r.start("core-1", "core-1", "--region", "r1")
	await(t, "the shop to begin", func() bool { return strings.Contains(one.log.String(), "the cluster knows this node") })
	r.stop(one, syscall.SIGTERM)
	was := one.raft
	one.raft = freePort(t)
	one = r.start("core-1", "core-1", "--region", "r1")
	await(t, "the node to say where it is looked for", func() bool {
		s := one.log.String()
		return strings.Contains(s, `"cluster_knows":"`+was+`","this_node_has":"`+one.raft+`"`)
	})
	r.stop(one, syscall.SIGTERM)
	for _, line := range strings.Split(strings.TrimSpace(one.log.String()), "\n") {
		if strings.Count(line, `"node":`) > 1 {
			t.Error(line)
		}
	}
}

// TestEmptyVoterElsewhere: a voter that comes with an empty directory and another address than the cluster knows, its
// --peers changed to fit, would wait for ever. It is told.
func TestEmptyVoterElsewhere(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"core-1", "core-2", "core-3"} {
		r.start(id, id)
	}
	three := r.nodes["core-3"]
	await(t, "core-3 to be known", func() bool { return strings.Contains(three.log.String(), "the cluster knows this node") })
	r.stop(three, syscall.SIGKILL)
	was := three.raft
	three.raft = freePort(t)
	three = r.start("core-3", "core-3-empty", "--region", "r3", "--peers", strings.Replace(r.peers, was, three.raft, 1))
	select {
	case <-three.exited:
	case <-time.After(40 * time.Second):
		t.Fatal("it goes on")
	}
	if three.code != flagenv.ExitFailed || !strings.Contains(three.log.String(), "is a voter of this cluster at "+was+", and comes with an empty data directory at "+three.raft) {
		t.Errorf("exit %d", three.code)
	}
}
