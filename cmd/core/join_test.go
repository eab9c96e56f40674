package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/core/seal"
	"meridian/internal/flagenv"
	"meridian/internal/nodetls"
)

// asCore makes the test binary behave as `core`, so that the tests run real processes.
const asCore = "MERIDIAN_TEST_AS_CORE"

func TestMain(m *testing.M) {
	if os.Getenv(asCore) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "core:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

// rig is a cluster of real processes on loopback, with TLS.
type rig struct {
	t     *testing.T
	dir   string
	peers string
	nodes map[string]*proc
}

type proc struct {
	id, api, raft, ops string
	cmd                *exec.Cmd
	log                *lockedBuffer
	exited             chan struct{}
	code               int
}

// lockedBuffer is a process' log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const operator = "operator-token-of-the-test"

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), nodes: map[string]*proc{}}
	for name, text := range map[string]string{"token": "a secret of more than sixteen", "staff.json": `[{"email":"op@shop.example","role":"operator","password":"a long password","token":"` + operator + `"}]`} {
		if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.makeKeyring("keyring")
	r.mustRun("ca", "init", "--dir", r.path("ca"))
	r.issue("edge", "edge-1")
	var peers []string
	for i := 1; i <= 4; i++ {
		p := &proc{id: fmt.Sprintf("core-%d", i), api: freePort(t), raft: freePort(t), ops: freePort(t)}
		r.nodes[p.id] = p
		r.issue("core", p.id)
		if i <= 3 {
			peers = append(peers, fmt.Sprintf("%s=r%d@%s@%s", p.id, i, p.raft, p.api))
		}
	}
	r.peers = strings.Join(peers, ",")
	t.Cleanup(func() {
		for _, p := range r.nodes {
			r.stop(p, syscall.SIGKILL)
			if t.Failed() && p.log != nil {
				t.Logf("%s:\n%s", p.id, p.log)
			}
		}
	})
	return r
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) mustRun(args ...string) {
	r.t.Helper()
	if err := run(context.Background(), args); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) issue(role, name string) {
	r.mustRun("ca", "issue", "--dir", r.path("ca"), "--role", role, "--name", name, "--out", r.path("tls-"+name))
}

func (r *rig) makeKeyring(name string) {
	r.t.Helper()
	if _, err := seal.OpenKeyring(r.path(name), true); err != nil {
		r.t.Fatal(err)
	}
}

// start starts a node, with --peers unless more says --join.
func (r *rig) start(id, data string, more ...string) *proc {
	r.t.Helper()
	p := r.nodes[id]
	tlsDir := r.path("tls-" + id)
	args := []string{"serve", "--id", id, "--data", r.path(data), "--api-addr", p.api, "--raft-addr", p.raft, "--ops-addr", p.ops, "--heartbeat", "300ms",
		"--cluster-token-file", r.path("token"), "--keyring", r.path("keyring"), "--staff-file", r.path("staff.json"),
		"--tls-cert", filepath.Join(tlsDir, nodeCert), "--tls-key", filepath.Join(tlsDir, nodeKey), "--tls-ca", filepath.Join(tlsDir, caCert)}
	if len(more) == 0 {
		more = []string{"--region", "r" + id[5:], "--peers", r.peers}
	}
	p.cmd = exec.Command(os.Args[0], append(args, more...)...)
	p.cmd.Env = append(os.Environ(), asCore+"=1")
	p.log, p.exited = &lockedBuffer{}, make(chan struct{})
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func(p *proc, cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait()
		p.code = cmd.ProcessState.ExitCode()
		close(exited)
	}(p, p.cmd, p.exited)
	return p
}

func (r *rig) stop(p *proc, s os.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(s)
	<-p.exited
}

// client calls the cores it is given as an edge does.
func (r *rig) client(ids ...string) *coreclient.Client {
	r.t.Helper()
	dir := r.path("tls-edge-1")
	src, err := nodetls.Open(nodetls.Files{Cert: filepath.Join(dir, nodeCert), Key: filepath.Join(dir, nodeKey), CA: filepath.Join(dir, caCert)}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := coreclient.Config{Region: "r1", Token: "a secret of more than sixteen", Edge: "edge-1", Logger: slog.New(slog.DiscardHandler), TLS: func(id string) *tls.Config {
		return src.Client(nodetls.ProtocolHTTP, nodetls.Identity{Role: nodetls.RoleCore, Name: id})
	}}
	for _, id := range ids {
		cfg.Nodes = append(cfg.Nodes, coreclient.Node{ID: id, Region: "r" + id[5:], Addr: r.nodes[id].api})
	}
	c, err := coreclient.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func staffCall() api.Call { return api.Call{Credential: "staff:" + operator} }

func change(t *testing.T, c *coreclient.Client, ep api.Endpoint[api.MemberChange, api.Cluster], m api.MemberChange) error {
	t.Helper()
	_, _, err := coreclient.Do(t.Context(), c, ep, m, staffCall())
	return err
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain for", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func memberOf(v api.Cluster, id string) (api.Member, bool) {
	for _, m := range v.Members {
		if m.ID == id {
			return m, true
		}
	}
	return api.Member{}, false
}

// refused wants a conflict that says something.
func refused(t *testing.T, err error, says string) {
	t.Helper()
	if api.CodeOf(err) != api.CodeConflict || !strings.Contains(err.Error(), says) {
		t.Errorf("want a conflict that says %q: %v", says, err)
	}
}

// TestLifeOfAMember takes a fourth core through all of it, over real processes and TLS: it joins as a
// learner, gets a vote, leads, is found by a client that never heard of it, loses its vote, is removed, is
// refused with its old data, and comes back without. Then a voter dies, and those that are needed stay.
func TestLifeOfAMember(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"core-1", "core-2", "core-3"} {
		r.start(id, id)
	}
	client := r.client("core-1", "core-2", "core-3")
	view := func() (v api.Cluster, err error) {
		v, _, err = coreclient.Do(t.Context(), client, api.ClusterGet, api.None{}, staffCall())
		return v, err
	}
	await(t, "three voters that answer and have said where they are", func() bool {
		v, err := view()
		if err != nil || v.Voters != 3 || v.LiveVoters != 3 || v.Quorum != 2 {
			return false
		}
		for _, m := range v.Members {
			if m.APIAddress != r.nodes[m.ID].api || m.Region != "r"+m.ID[5:] || !m.Healthy {
				return false
			}
		}
		return true
	})

	join := []string{"--region", "far", "--join", "core-2=r2@" + r.nodes["core-2"].api + ",core-3=r3@" + r.nodes["core-3"].api}
	four := r.start("core-4", "core-4", join...)
	await(t, "core-4 to be a learner", func() bool {
		v, err := view()
		m, ok := memberOf(v, "core-4")
		return err == nil && ok && m.Role == "learner" && m.Region == "far" && m.APIAddress == four.api && m.Healthy
	})
	await(t, "core-4 to get its vote", func() bool {
		return change(t, client, api.ClusterJoin, api.MemberChange{ID: "core-4", Role: "voter"}) == nil
	})
	if err := change(t, client, api.ClusterLead, api.MemberChange{ID: "core-4"}); err != nil {
		t.Fatal(err)
	}
	stranger := r.client("core-1")
	await(t, "a client that knows core-1 only to find core-4", func() bool {
		v, _, err := coreclient.Do(t.Context(), stranger, api.ClusterGet, api.None{}, staffCall())
		return err == nil && v.Leader == "core-4"
	})
	refused(t, change(t, client, api.ClusterJoin, api.MemberChange{ID: "core-4", Role: "learner"}), "leads; hand over")
	await(t, "core-1 to lead", func() bool { return change(t, client, api.ClusterLead, api.MemberChange{ID: "core-1"}) == nil })
	await(t, "core-1 to hear everybody", func() bool { v, err := view(); return err == nil && v.Leader == "core-1" && v.LiveVoters == 4 })
	refused(t, change(t, client, api.ClusterRemove, api.MemberChange{ID: "core-4"}), "demote it first")
	if err := change(t, client, api.ClusterJoin, api.MemberChange{ID: "core-4", Role: "learner"}); err != nil {
		t.Fatal(err)
	}
	if err := change(t, client, api.ClusterRemove, api.MemberChange{ID: "core-4"}); err != nil {
		t.Fatal(err)
	}

	// It notices by itself, and says the same each time it is started with what it had.
	for _, when := range []string{"while it ran", "with its old data"} {
		select {
		case <-four.exited:
		case <-time.After(40 * time.Second):
			t.Fatalf("%s, the removed node goes on", when)
		}
		if four.code != flagenv.ExitFailed || !strings.Contains(four.log.String(), "core-4 is not a member of this cluster, and its data directory is not empty") {
			t.Fatalf("%s: exit %d", when, four.code)
		}
		if when == "while it ran" {
			four = r.start("core-4", "core-4", join...)
		}
	}
	four = r.start("core-4", "core-4-again", join...)
	await(t, "core-4 to learn again", func() bool {
		v, err := view()
		m, ok := memberOf(v, "core-4")
		return err == nil && ok && m.Role == "learner" && m.Healthy
	})

	// Who is no core enlists nobody, and no core another.
	_, _, err := coreclient.Do(t.Context(), client, api.ClusterEnlist, api.Enlist{ID: "core-5", Address: "127.0.0.1:1", API: "127.0.0.1:1", Join: true, Fresh: true}, api.Call{})
	if api.CodeOf(err) != api.CodeForbidden {
		t.Errorf("an edge enlisted a core: %v", err)
	}

	r.stop(r.nodes["core-3"], syscall.SIGKILL)
	await(t, "the dead voter to show", func() bool {
		v, err := view()
		m, _ := memberOf(v, "core-3")
		return err == nil && v.LiveVoters == 2 && !m.Healthy
	})
	metrics := scrape(t, r.nodes["core-1"].ops)
	for _, want := range []string{"meridian_raft_voters 3", "meridian_raft_live_voters 2", `meridian_raft_member_up{member="core-3",region="r3",role="voter"} 0`, `meridian_raft_member_up{member="core-4",region="far",role="learner"} 1`, "meridian_tls_certificate_expires_seconds"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	refused(t, change(t, client, api.ClusterJoin, api.MemberChange{ID: "core-2", Role: "learner"}), "core-3")

	// An empty voter that joins has forgotten its votes.
	r.stop(r.nodes["core-3"], syscall.SIGKILL)
	three := r.start("core-3", "core-3-empty", "--region", "r3", "--join", "core-1=r1@"+r.nodes["core-1"].api)
	select {
	case <-three.exited:
	case <-time.After(40 * time.Second):
		t.Fatal("an empty voter goes on")
	}
	if !strings.Contains(three.log.String(), "has forgotten what it voted for") {
		t.Error("the empty voter says something else")
	}
	r.stop(four, syscall.SIGTERM)
	if four.code != 0 {
		t.Errorf("core-4 stopped with %d", four.code)
	}
}

func scrape(t *testing.T, ops string) string {
	t.Helper()
	resp, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}
