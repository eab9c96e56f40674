package shop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meridian/core/seal"
	"meridian/test/bench/process"
)

// Options say what is started.
type Options struct {
	// Bin is the directory with the programs core, edge and payments.
	Bin string
	// Cores are 1 or 3, each in a region of its own.
	Cores int
	// Edges is how many edges there are; 0 means 1. They are in the first region, or, Apart, in one after the other.
	Edges int
	Apart bool
	// RTT is added between the cores.
	RTT time.Duration
	// EdgeArgs come after an edge's other settings and win over them.
	EdgeArgs []string
	// Edge changes how the edge is run, before it starts. Nil: not.
	Edge func(*exec.Cmd) error
}

// Shop is a running shop: cores, an edge and the payment provider, on free ports.
type Shop struct {
	// Dir holds everybody's data and output. Stop leaves it.
	Dir string
	// Edge and Provider are where they answer, like http://127.0.0.1:8080. Edges are all edges, Edge the first.
	Edge, Provider string
	Edges          []string
	// Cores are the names of the cores.
	Cores []string
	// Ops is where each process that has metrics and profiles offers them.
	Ops map[string]string
	// Token is a merchandiser's, Operator an operator's.
	Token, Operator string

	bin       string
	processes []*process.Process
}

var regions = []string{"eu", "us", "ap"}

// Start starts the programs over an empty directory and waits until the edge serves.
func Start(ctx context.Context, o Options) (s *Shop, err error) {
	if o.Cores < 1 || o.Cores > len(regions) {
		return nil, fmt.Errorf("a shop of %d cores: give 1 to %d", o.Cores, len(regions))
	}
	dir, err := os.MkdirTemp("", "meridian-bench-")
	if err != nil {
		return nil, err
	}
	s = &Shop{Dir: dir, bin: o.Bin, Ops: map[string]string{}, Token: "mst_" + Secret(), Operator: "mst_" + Secret()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(), os.RemoveAll(dir))
		}
	}()
	if err := s.secrets(); err != nil {
		return s, err
	}
	n, edges := o.Cores, max(o.Edges, 1)
	a, err := process.FreePorts(3*n + 1 + 2*edges)
	if err != nil {
		return s, err
	}
	s.Provider = "http://" + a[0]
	api, raft, ops, edge := a[1:1+n], a[1+n:1+2*n], a[1+2*n:1+3*n], a[1+3*n:]
	if err := s.launch(ctx, "payments", "/healthz", a[0], nil, "--addr", a[0], "--data", s.path("payments")); err != nil {
		return s, err
	}
	var peers, cores []string
	for i, r := range regions[:n] {
		s.Cores = append(s.Cores, "core-"+r)
		peers = append(peers, fmt.Sprintf("core-%s=%s@%s@%s", r, r, raft[i], api[i]))
		cores = append(cores, fmt.Sprintf("core-%s=%s@%s", r, r, api[i]))
	}
	for i, r := range regions[:n] {
		err := s.program("core-"+r, "core", nil, "serve", "--id", "core-"+r, "--region", r, "--data", s.path("core-"+r),
			"--api-addr", api[i], "--raft-addr", raft[i], "--ops-addr", ops[i], "--peers", strings.Join(peers, ","),
			"--cluster-token-file", s.path("cluster.token"), "--keyring", s.path("keyring"), "--staff-file", s.path("staff.json"),
			"--payments-url", s.Provider, "--rtt", o.RTT.String())
		if err != nil {
			return s, err
		}
		s.Ops["core-"+r] = "http://" + ops[i]
	}
	for _, p := range s.processes[1:] {
		if err := p.Ready(ctx, s.Ops[p.Name]+"/readyz", time.Minute); err != nil {
			return s, err
		}
	}
	for i := range edges {
		name, addr, ops, region := "edge", edge[2*i], edge[2*i+1], regions[0]
		if o.Apart {
			region = regions[i%n]
		}
		if i > 0 {
			name = fmt.Sprintf("edge-%d", i+1)
		}
		s.Edges, s.Ops[name] = append(s.Edges, "http://"+addr), "http://"+ops
		err := s.program(name, "edge", o.Edge, append([]string{"serve", "--id", name, "--region", region, "--addr", addr, "--ops-addr", ops,
			"--cores", strings.Join(cores, ","), "--cluster-token-file", s.path("cluster.token"), "--cookie-secret-file", s.path("cookie.secret"),
			"--spool", s.path("spool-" + name)}, o.EdgeArgs...)...)
		if err == nil {
			err = s.processes[len(s.processes)-1].Ready(ctx, s.Ops[name]+"/readyz", time.Minute)
		}
		if err != nil {
			return s, err
		}
	}
	s.Edge = s.Edges[0]
	return s, nil
}

func (s *Shop) path(name string) string { return filepath.Join(s.Dir, name) }

// Secret is a new random one.
func Secret() string {
	b := make([]byte, 24)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func (s *Shop) secrets() error {
	staff, err := json.Marshal([]map[string]string{
		{"email": "merch@example.com", "role": "merchandiser", "password": Secret(), "token": s.Token},
		{"email": "ops@example.com", "role": "operator", "password": Secret(), "token": s.Operator}})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"cluster.token": []byte(Secret()), "cookie.secret": []byte(Secret()), "staff.json": staff} {
		if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
			return err
		}
	}
	_, err = seal.OpenKeyring(s.path("keyring"), true)
	return err
}

func (s *Shop) program(name, program string, change func(*exec.Cmd) error, args ...string) error {
	path, err := filepath.Abs(filepath.Join(s.bin, program))
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: run make build first", err)
	}
	cmd := exec.Command(path, args...)
	if change != nil {
		if err := change(cmd); err != nil {
			return err
		}
	}
	p, err := process.Start(s.Dir, name, cmd)
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return err
}

// launch starts a program of its own name and waits for it.
func (s *Shop) launch(ctx context.Context, name, health, addr string, change func(*exec.Cmd) error, args ...string) error {
	if err := s.program(name, name, change, args...); err != nil {
		return err
	}
	return s.processes[len(s.processes)-1].Ready(ctx, "http://"+addr+health, time.Minute)
}

// PID is the process id of a program by its name, such as edge.
func (s *Shop) PID(name string) int {
	for _, p := range s.processes {
		if p.Name == name {
			return p.PID
		}
	}
	return 0
}

// Meter is the processor time of every process so far.
func (s *Shop) Meter() (process.Meter, error) {
	m := process.Meter{}
	for _, p := range s.processes {
		d, err := process.Spent(p.PID, false)
		if err != nil {
			return nil, fmt.Errorf("%s is gone: %w\n%s", p.Name, err, p.Tail())
		}
		m[p.Name] = d
	}
	return m, nil
}

// Stop ends all processes.
func (s *Shop) Stop() error {
	err := process.StopAll(s.processes)
	s.processes = nil
	return err
}

// Check stops the shop and lets every replica verify all its invariants.
func (s *Shop) Check() error {
	if err := s.Stop(); err != nil {
		return err
	}
	for _, name := range s.Cores {
		out, err := exec.Command(filepath.Join(s.bin, "core"), "check", "--data", s.path(name)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("core check of %s: %w\n%s", name, err, out)
		}
	}
	return nil
}
