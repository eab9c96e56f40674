package main

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
)

// shop is a running cluster: three cores, an edge and the payment provider, on free ports.
type shop struct {
	dir       string
	bin       string
	edge      string
	provider  string
	ops       map[string]string // of each process that profiles itself
	token     string            // of a merchandiser
	operator  string
	processes []*process
}

var regions = []string{"eu", "us", "ap"}

// startShop starts the programs in bin over an empty directory and waits until the edge serves.
func startShop(ctx context.Context, bin string, rtt time.Duration) (s *shop, err error) {
	dir, err := os.MkdirTemp("", "meridian-bench-")
	if err != nil {
		return nil, err
	}
	s = &shop{dir: dir, bin: bin, ops: map[string]string{}, token: "mst_" + secret(), operator: "mst_" + secret()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(), os.RemoveAll(dir))
		}
	}()
	if err := s.secrets(); err != nil {
		return s, err
	}
	a, err := freePorts(3*len(regions) + 3)
	if err != nil {
		return s, err
	}
	s.edge, s.provider = "http://"+a[0], "http://"+a[2]
	api, raft, ops := a[3:6], a[6:9], a[9:12]
	if err := s.launch(ctx, "payments", "/healthz", a[2], "--addr", a[2], "--data", s.path("payments")); err != nil {
		return s, err
	}
	var peers, cores []string
	for i, r := range regions {
		peers = append(peers, fmt.Sprintf("core-%s=%s@%s@%s", r, r, raft[i], api[i]))
		cores = append(cores, fmt.Sprintf("core-%s=%s@%s", r, r, api[i]))
	}
	for i, r := range regions {
		err := s.program("core-"+r, "core", "serve", "--id", "core-"+r, "--region", r, "--data", s.path("core-"+r),
			"--api-addr", api[i], "--raft-addr", raft[i], "--ops-addr", ops[i], "--peers", strings.Join(peers, ","),
			"--cluster-token-file", s.path("cluster.token"), "--keyring", s.path("keyring"), "--staff-file", s.path("staff.json"),
			"--payments-url", s.provider, "--rtt", rtt.String())
		if err != nil {
			return s, err
		}
		s.ops["core-"+r] = "http://" + ops[i]
	}
	for _, p := range s.processes[1:] {
		if err := p.ready(ctx, s.ops[p.name]+"/readyz", time.Minute); err != nil {
			return s, err
		}
	}
	s.ops["edge"] = "http://" + a[1]
	return s, s.launch(ctx, "edge", "/readyz", a[1], "serve", "--id", "edge-eu", "--region", "eu", "--addr", a[0], "--ops-addr", a[1],
		"--cores", strings.Join(cores, ","), "--cluster-token-file", s.path("cluster.token"), "--cookie-secret-file", s.path("cookie.secret"),
		"--spool", s.path("spool"), "--cart-writes", "-1", "--checkouts", "-1", "--sandbox-cards")
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

func secret() string {
	b := make([]byte, 24)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func (s *shop) secrets() error {
	staff, err := json.Marshal([]map[string]string{
		{"email": "merch@example.com", "role": "merchandiser", "password": secret(), "token": s.token},
		{"email": "ops@example.com", "role": "operator", "password": secret(), "token": s.operator}})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"cluster.token": []byte(secret()), "cookie.secret": []byte(secret()), "staff.json": staff} {
		if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
			return err
		}
	}
	_, err = seal.OpenKeyring(s.path("keyring"), true)
	return err
}

func (s *shop) program(name, program string, args ...string) error {
	path, err := filepath.Abs(filepath.Join(s.bin, program))
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: run make build first", err)
	}
	p, err := start(s.dir, name, exec.Command(path, args...))
	if err == nil {
		s.processes = append(s.processes, p)
	}
	return err
}

// launch starts a program of its own name and waits for it.
func (s *shop) launch(ctx context.Context, name, health, addr string, args ...string) error {
	if err := s.program(name, name, args...); err != nil {
		return err
	}
	return s.processes[len(s.processes)-1].ready(ctx, "http://"+addr+health, time.Minute)
}

func (s *shop) meter() (meter, error) {
	m := meter{}
	for _, p := range s.processes {
		d, err := spent(p.cmd.Process.Pid, false)
		if err != nil {
			return nil, fmt.Errorf("%s is gone: %w\n%s", p.name, err, p.tail())
		}
		m[p.name] = d
	}
	return m, nil
}

func (s *shop) stop() error {
	err := stopAll(s.processes)
	s.processes = nil
	return err
}
