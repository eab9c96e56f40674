package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

// The processors of the server in turn and of the load generator.
const (
	serverCPU = 0
	loadCPU   = 1
)

// Names of the systems.
const (
	oursName     = "ours"
	baselineName = "baseline"
	bareName     = "bare"
	nginxName    = "nginx"
	varnishName  = "varnish"
)

// peers are what --systems knows, in their order.
var peers = []string{bareName, nginxName, varnishName}

// system is a server that sends the page. All run through all rounds, and those whose turn it is not are idle.
type system struct {
	name string
	base string // http://host:port
	pid  int    // the process whose tree is the server
	page *page
	// counted is how many answers did not come out of the cache so far, hits how many did; nil: not known.
	// They are read before and after a run, never within.
	counted, hits func(context.Context) (float64, error)
	// hit says whether one answer came out of the cache; nil: it cannot tell.
	hit func(http.Header) error
}

// pinned makes a server run with one worker's worth of processor.
func pinned(cmd *exec.Cmd) error {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return process.Pin(cmd, serverCPU)
}

// startOurs runs a shop of one core, its edge pinned and otherwise with its defaults.
func (b *bench) startOurs(ctx context.Context, name, bin string) error {
	s, err := shop.Start(ctx, shop.Options{Bin: bin, Cores: 1, Edge: pinned})
	if err != nil {
		return err
	}
	b.shops = append(b.shops, s)
	p, err := makePage(ctx, s, b.o.seed, b.o.size)
	if err != nil {
		return err
	}
	results := func(keep func(result string) bool) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			return s.Results(ctx, keep)
		}
	}
	b.systems = append(b.systems, &system{name: name, base: s.Edge, pid: s.PID("edge"), page: p,
		counted: results(func(r string) bool { return r != "hit" }), hits: results(func(r string) bool { return r == "hit" }),
		hit: func(h http.Header) error {
			if v := h.Get("Cache-Status"); !strings.Contains(v, "; hit") || strings.Contains(v, "detail=") {
				return fmt.Errorf("Cache-Status is %q, which is no hit that is known to hold", v)
			}
			return nil
		}})
	return nil
}

// self is a command of this program.
func (b *bench) self(command, addr string) (*exec.Cmd, error) {
	path, err := os.Executable()
	return exec.Command(path, command, "--addr", addr, "--page", b.pageFile), err
}

// startPeers starts the origin and the peers that were chosen. pageFile is there already.
func (b *bench) startPeers(ctx context.Context, p *page) error {
	if len(b.o.systems) == 0 {
		return nil
	}
	a, err := process.FreePorts(len(b.o.systems) + 1)
	if err != nil {
		return err
	}
	origin, err := b.self(originCommand, a[0])
	if err != nil {
		return err
	}
	// The origin is on nobody's processor: it fills caches and is silent afterwards.
	if _, err := b.start(ctx, originCommand, origin, "http://"+a[0]+fetchesPath); err != nil {
		return err
	}
	count := func(ctx context.Context) (float64, error) {
		n, err := fetches(ctx, "http://"+a[0])
		return float64(n), err
	}
	for i, name := range b.o.systems {
		addr := a[1+i]
		s := &system{name: name, base: "http://" + addr, page: p, counted: count}
		var cmd *exec.Cmd
		switch name {
		case bareName:
			s.counted = nil
			cmd, err = b.self(bareCommand, addr)
		case nginxName:
			cmd, err = b.nginx(addr, a[0])
		case varnishName:
			cmd, err = b.varnish(addr, a[0])
		}
		if err == nil {
			err = pinned(cmd)
		}
		if err != nil {
			return err
		}
		started, err := b.start(ctx, name, cmd, s.base+p.Path)
		if err != nil {
			return err
		}
		s.pid = started.PID
		b.systems = append(b.systems, s)
	}
	return nil
}

func (b *bench) start(ctx context.Context, name string, cmd *exec.Cmd, url string) (*process.Process, error) {
	p, err := process.Start(b.dir, name, cmd)
	if err != nil {
		return nil, err
	}
	b.processes = append(b.processes, p)
	return p, p.Ready(ctx, url, 30*time.Second)
}

// nginx with one worker, its cache's files in memory and kept open.
func (b *bench) nginx(addr, origin string) (*exec.Cmd, error) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // its own would not get through to the directory
	}
	dir := filepath.Join(b.memory, "nginx")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`%[1]s
worker_processes 1; worker_rlimit_nofile 32768; daemon off; pid %[2]s/pid; error_log stderr;
events { worker_connections 16384; }
http {
	access_log off; server_tokens off; gzip off;
	sendfile on; tcp_nopush on; tcp_nodelay on;
	keepalive_timeout 75; keepalive_requests 1000000000;
	open_file_cache max=10000 inactive=1h; open_file_cache_valid 1h;
	client_body_temp_path %[2]s/body; fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi; proxy_temp_path %[2]s/proxy;
	proxy_cache_path %[2]s/cache levels=1:2 keys_zone=pages:16m max_size=256m inactive=1h use_temp_path=off;
	upstream origin { server %[4]s; keepalive 16; }
	server {
		listen %[3]s backlog=16384;
		location / {
			proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
			proxy_cache pages; proxy_cache_key $host$request_uri; proxy_cache_lock on; proxy_cache_use_stale updating error timeout;
		}
	}
}
`, user, dir, addr, origin)
	path := filepath.Join(b.dir, "nginx.conf")
	return exec.Command(b.o.nginx, "-p", dir, "-e", "stderr", "-c", path), os.WriteFile(path, []byte(conf), 0o600)
}

// varnish with one pool of threads. It keeps both encodings as they come, or else it would unpack the
// compressed one for everybody who wants the other.
func (b *bench) varnish(addr, origin string) (*exec.Cmd, error) {
	at, port, _ := strings.Cut(origin, ":")
	path := filepath.Join(b.dir, "varnish.vcl")
	vcl := fmt.Sprintf("vcl 4.1;\nbackend default { .host = %q; .port = %q; }\n", at, port)
	return exec.Command(b.o.varnishd, "-j", "none", "-F", "-T", "none", "-a", addr, "-f", path, "-s", "malloc,256m", "-n", filepath.Join(b.memory, "varnish"),
		"-p", "http_gzip_support=off", "-p", "thread_pools=1", "-p", "thread_pool_min=100", "-p", "thread_queue_limit=20000", "-p", "timeout_idle=75"), os.WriteFile(path, []byte(vcl), 0o600)
}

// open starts everything.
func (b *bench) open(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "bench-edge-"); err != nil {
		return err
	}
	if b.memory, err = os.MkdirTemp(b.o.memory, "bench-edge-"); err != nil {
		return err
	}
	if err := b.startOurs(ctx, oursName, b.o.bin); err != nil {
		return fmt.Errorf("%s: %w", oursName, err)
	}
	ours := b.systems[0]
	if b.o.baseline != "" {
		if err := b.startOurs(ctx, baselineName, b.o.baseline); err != nil {
			return fmt.Errorf("%s: %w", baselineName, err)
		}
	}
	b.pageFile = filepath.Join(b.dir, "page.json")
	if err := ours.page.save(b.pageFile); err != nil {
		return err
	}
	return b.startPeers(ctx, ours.page)
}

// close ends what was started and deletes everybody's data.
func (b *bench) close() {
	_ = process.StopAll(b.processes)
	for _, s := range b.shops {
		_ = s.Stop()
	}
	if b.memory != "" {
		_ = os.RemoveAll(b.memory)
	}
	if b.o.keep {
		fmt.Fprintln(os.Stderr, "kept:", b.dir)
		for _, s := range b.shops {
			fmt.Fprintln(os.Stderr, "kept:", s.Dir)
		}
		return
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
	for _, s := range b.shops {
		_ = os.RemoveAll(s.Dir)
	}
}

// kept adds what the programs said to an error.
func (b *bench) kept(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	b.o.keep = true
	return err
}
