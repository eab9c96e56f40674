package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meridian/test/bench/process"
	"meridian/test/bench/shop"
)

// vendureVersion is what vendure/package.json pins.
const vendureVersion = "3.7.3"

//go:embed vendure
var vendureFiles embed.FS

// vendure is the peer: Vendure's server and worker over PostgreSQL with its defaults for durability. It is
// seeded with the catalogue of its own starter and runs through all rounds; between its own it is idle.
type vendure struct {
	o        options
	dir      string // of this run
	pgdir    string
	url      string
	secret   string
	postgres *process.Process
	server   *process.Process
	worker   *process.Process
	variants []string
}

func (v *vendure) name() string { return "vendure" }

// prepare installs what is missing, and starts and seeds a fresh shop.
func (v *vendure) prepare(ctx context.Context) (err error) {
	if err := v.install(ctx); err != nil {
		return err
	}
	if v.dir, err = os.MkdirTemp("", "meridian-bench-vendure-"); err != nil {
		return err
	}
	ports, err := process.FreePorts(2)
	if err != nil {
		return err
	}
	_, pgPort, _ := strings.Cut(ports[0], ":")
	_, port, _ := strings.Cut(ports[1], ":")
	v.url, v.secret = "http://"+ports[1], shop.Secret()
	if err := v.startPostgres(ctx, pgPort); err != nil {
		return err
	}
	node := func(mode string) *exec.Cmd {
		c := exec.Command("node", "peer.js", mode)
		c.Dir = v.o.peerDir
		c.Env = append(os.Environ(), "NODE_ENV=production", "APP_ENV=prod", "PEER_PORT="+port, "PEER_PGPORT="+pgPort, "PEER_SECRET="+v.secret,
			"PEER_ASSETS="+filepath.Join(v.dir, "assets"))
		return c
	}
	fmt.Println("vendure: seeding a fresh shop, about a minute")
	seed, err := process.Start(v.dir, "seed", node("seed"))
	if err != nil {
		return err
	}
	if err := seed.Ended(ctx); err != nil {
		if ctx.Err() != nil {
			_ = seed.Stop()
			return ctx.Err()
		}
		return fmt.Errorf("seed: %w\n%s", err, seed.Tail())
	}
	if v.server, err = process.Start(v.dir, "server", node("server")); err != nil {
		return err
	}
	if v.worker, err = process.Start(v.dir, "worker", node("worker")); err != nil {
		return err
	}
	if err := v.server.Ready(ctx, v.url+"/health", 2*time.Minute); err != nil {
		return err
	}
	if err := v.setUp(ctx); err != nil {
		return err
	}
	_, err = v.crowd(ctx, v.o.warmUp+5*time.Second) // its compiler needs some hundred orders to warm up
	return err
}

// install puts the pinned packages into the cache directory.
func (v *vendure) install(ctx context.Context) error {
	if err := os.MkdirAll(v.o.peerDir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "peer.js"} {
		b, err := vendureFiles.ReadFile("vendure/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(v.o.peerDir, name), b, 0o644); err != nil {
			return err
		}
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing: install Node.js, or measure without the peer: --peer=none", program)
		}
	}
	if _, err := os.Stat(filepath.Join(v.o.peerDir, "node_modules", "@vendure", "core")); err == nil {
		return nil
	}
	fmt.Println("vendure: installing", vendureVersion, "into", v.o.peerDir)
	c := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund")
	c.Dir = v.o.peerDir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w\n%s", err, out)
	}
	return nil
}

func (v *vendure) close() {
	_ = v.worker.Stop()
	_ = v.server.Stop()
	_ = v.postgres.Stop()
	for _, dir := range []string{v.dir, v.pgdir} {
		if dir != "" && !v.o.keep {
			_ = os.RemoveAll(dir)
		}
	}
}

// meter adds up the server, the worker, and PostgreSQL with all its children, those that ended too.
func (v *vendure) meter() (process.Meter, error) {
	m := process.Meter{}
	for name, p := range map[string]*process.Process{"server": v.server, "worker": v.worker} {
		d, err := process.Spent(p.PID, false)
		if err != nil {
			return nil, fmt.Errorf("%s is gone: %w\n%s", name, err, p.Tail())
		}
		m[name] = d
	}
	sum, err := process.Tree(v.postgres.PID)
	if err != nil {
		return nil, err
	}
	m["postgres"] = sum
	return m, nil
}

// round closes its window with the last answer: what the worker still has to do is not held against it.
func (v *vendure) round(ctx context.Context, _ int) (f figures, err error) {
	cpu, err := v.meter()
	if err != nil {
		return f, err
	}
	load, began := process.Self(), time.Now()
	waits, err := v.crowd(ctx, v.o.duration)
	if err != nil {
		return f, err
	}
	f = figures{orders: len(waits), waits: waits, took: time.Since(began), load: process.Self() - load}
	after, err := v.meter()
	f.cpu = after.Since(cpu)
	return f, err
}

// crowd lets the shoppers buy for a while.
func (v *vendure) crowd(ctx context.Context, d time.Duration) (waits []time.Duration, err error) {
	var mu sync.Mutex // guards waits, errs
	var errs []error
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	for i := range v.o.shoppers {
		wg.Go(func() {
			for k := 0; time.Now().Before(until) && ctx.Err() == nil; k++ {
				began := time.Now()
				err := v.buy(ctx, fmt.Sprintf("shopper-%d-%d-%d@example.com", began.UnixNano(), i, k), v.variants[(i+k*v.o.shoppers)%len(v.variants)])
				mu.Lock()
				waits = append(waits, time.Since(began))
				if err != nil {
					errs = append(errs, fmt.Errorf("shopper %d, purchase %d: %w", i, k, err))
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return waits, errors.Join(errs...)
}
