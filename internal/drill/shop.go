//go:build linux

package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/core/seal"
	"meridian/internal/loopback"
)

// cores is how many a shop has.
const cores = 3

// shop is everything that runs. The S3 server, the provider and the edge live through all of its lives.
type shop struct {
	cfg      *Config
	dir      string
	s3       string // host:port
	provider string // URL
	edge     string // URL
	api      [cores]string
	raft     [cores]string
	ops      [cores]string
	token    string
	staff    string // token of a merchandiser
	operator string
	client   *coreclient.Client
	http     *http.Client

	cores    [cores]*process
	services []*process
}

// bucket is where the backups of a shop are.
const bucket = "s3://backups/drill"

// open starts a shop over an empty directory and waits until its edge serves and its backup is complete.
func (c *Config) open(ctx context.Context, dir string) (s *shop, err error) {
	s = &shop{cfg: c, dir: dir, token: random(), staff: "mst_" + random(), operator: "mst_" + random(), http: &http.Client{Timeout: 10 * time.Second}}
	opened := s
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if err := s.secrets(); err != nil {
		return nil, err
	}
	a, err := loopback.Addresses(4 + 3*cores)
	if err != nil {
		return nil, err
	}
	s.s3, s.provider, s.edge = a[0], "http://"+a[1], "http://"+a[2]
	for i := range cores {
		s.api[i], s.raft[i], s.ops[i] = a[4+3*i], a[5+3*i], a[6+3*i]
	}
	if err := s.startServices(ctx, a[1]); err != nil {
		return nil, err
	}
	var peers []string
	for i := range cores {
		peers = append(peers, s.peer(i))
	}
	for i := range cores {
		if err := s.startCore(i, "--peers", strings.Join(peers, ",")); err != nil {
			return nil, err
		}
	}
	for i := range cores {
		if err := s.cores[i].ready(ctx, "http://"+s.ops[i]+"/readyz"); err != nil {
			return nil, err
		}
	}
	if s.client, err = s.newClient("drill"); err != nil {
		return nil, err
	}
	if err := s.startEdge(ctx, a[2], a[3]); err != nil {
		return nil, err
	}
	return s, s.backedUp(ctx)
}

func (s *shop) path(name string) string   { return filepath.Join(s.dir, name) }
func (s *shop) log(name string) string    { return s.path(name + ".log") }
func (s *shop) binary(name string) string { return filepath.Join(s.cfg.Programs, name) }
func id(i int) string                     { return fmt.Sprintf("core-%d", i+1) }
func (s *shop) data(i int) string         { return s.path(id(i)) }
func (s *shop) peer(i int) string         { return fmt.Sprintf("%s=local@%s@%s", id(i), s.raft[i], s.api[i]) }

func (s *shop) secrets() error {
	staff, err := json.Marshal([]map[string]string{
		{"email": "m@example.com", "role": "merchandiser", "password": random(), "token": s.staff},
		{"email": "o@example.com", "role": "operator", "password": random(), "token": s.operator}})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"token": s.token, "staff.json": string(staff), "s3.secret": random(), "cookie.secret": random() + random()} {
		err = errors.Join(err, os.WriteFile(s.path(name), []byte(text), 0o600))
	}
	_, ring := seal.OpenKeyring(s.path("keyring"), true)
	return errors.Join(err, ring, os.MkdirAll(s.path("objects"), 0o700), os.MkdirAll(s.path("meta"), 0o700))
}

func (s *shop) startServices(ctx context.Context, provider string) error {
	secret, err := os.ReadFile(s.path("s3.secret"))
	if err != nil {
		return err
	}
	s3, err := start("the S3 server", s.log("s3"), s.cfg.S3, []string{"ROOT_ACCESS_KEY=drill", "ROOT_SECRET_KEY=" + string(secret)},
		"--port", s.s3, "--health", "/health", "--quiet", "posix", "--sidecar", s.path("meta"), s.path("objects"))
	if err != nil {
		return err
	}
	s.services = append(s.services, s3)
	pay, err := start("the payment provider", s.log("payments"), s.binary("payments"), nil, "--addr", provider, "--data", s.path("payments"), "--slow", "300ms")
	if err != nil {
		return err
	}
	s.services = append(s.services, pay)
	return errors.Join(s3.ready(ctx, "http://"+s.s3+"/health"), pay.ready(ctx, s.provider+"/healthz"))
}

// s3Flags are how every command finds the bucket.
func (s *shop) s3Flags() []string {
	return []string{"--s3-endpoint", s.s3, "--s3-access-key", "drill", "--s3-secret-key-file", s.path("s3.secret")}
}

func (s *shop) startCore(i int, more ...string) (err error) {
	args := append([]string{"serve", "--id", id(i), "--region", "local", "--data", s.data(i), "--api-addr", s.api[i], "--raft-addr", s.raft[i], "--ops-addr", s.ops[i],
		"--cluster-token-file", s.path("token"), "--keyring", s.path("keyring"), "--staff-file", s.path("staff.json"), "--payments-url", s.provider,
		"--heartbeat", "300ms", "--backup", bucket}, s.s3Flags()...)
	s.cores[i], err = start(id(i), s.log(id(i)), s.binary("core"), nil, append(args, more...)...)
	return err
}

func (s *shop) startEdge(ctx context.Context, addr, ops string) error {
	var nodes []string
	for i := range cores {
		nodes = append(nodes, fmt.Sprintf("%s=local@%s", id(i), s.api[i]))
	}
	p, err := start("the edge", s.log("edge"), s.binary("edge"), nil, "serve", "--id", "edge-1", "--region", "local", "--addr", addr, "--ops-addr", ops,
		"--cores", strings.Join(nodes, ","), "--cluster-token-file", s.path("token"), "--cookie-secret-file", s.path("cookie.secret"), "--spool", s.path("spool"), "--sandbox-cards")
	if err != nil {
		return err
	}
	s.services = append(s.services, p)
	return p.ready(ctx, "http://"+ops+"/readyz")
}

// newClient calls the cores as an edge does.
func (s *shop) newClient(name string) (*coreclient.Client, error) {
	var nodes []coreclient.Node
	for i := range cores {
		nodes = append(nodes, coreclient.Node{ID: id(i), Region: "local", Addr: s.api[i]})
	}
	return coreclient.New(coreclient.Config{Nodes: nodes, Region: "local", Token: s.token, Edge: name, WriteTimeout: 2 * time.Second, SlowTimeout: 4 * time.Second,
		AttemptTimeout: 500 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
}

// ask calls a core as staff, and repeats what has no answer for the moment.
func ask[Req, Resp any](ctx context.Context, s *shop, token string, ep api.Endpoint[Req, Resp], req Req) (v Resp, meta api.Meta, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		v, meta, err = coreclient.Do(ctx, s.client, ep, req, api.Call{Credential: "staff:" + token})
		if err == nil || !api.AsError(err).Transient() || ctx.Err() != nil {
			return v, meta, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// backedUp waits until a full backup and the log since are in the bucket.
func (s *shop) backedUp(ctx context.Context) error {
	return until(ctx, "the backup to be complete", func() bool {
		v, _, err := coreclient.Do(ctx, s.client, api.BackupsGet, api.None{}, api.Call{Credential: "staff:" + s.operator})
		return err == nil && v.Complete
	})
}

// core runs one of the operator's commands.
func (s *shop) core(ctx context.Context, args ...string) (string, error) {
	return command(ctx, []string{"CORE_TOKEN=" + s.operator, "CORE_SHOP=" + s.edge}, s.binary("core"), args...)
}

// murder kills every core, each a moment after the one before, and answers when the last was gone.
func (s *shop) murder(gaps []time.Duration) time.Time {
	for i, p := range s.cores {
		time.Sleep(gaps[i])
		_ = p.cmd.Process.Signal(syscall.SIGKILL)
	}
	at := time.Now()
	for i, p := range s.cores {
		<-p.done
		s.cores[i] = nil
	}
	return at
}

// page is what the edge shows under a path.
func (s *shop) page(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.edge+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d", path, resp.StatusCode)
	}
	return string(b), err
}

// close ends whatever still runs.
func (s *shop) close() {
	if s.client != nil {
		_ = s.client.Close()
	}
	var wg sync.WaitGroup
	for _, p := range append(s.cores[:], s.services...) {
		if p != nil {
			wg.Go(p.kill)
		}
	}
	wg.Wait()
}
