// Command clickhouse runs the ClickHouse engine on this machine behind ClickHouse's HTTP interface,
// for demos and tests: a real engine without a server to install.
//
// It promises ClickHouse's own SQL, table engines and deduplication, data that survives the end of
// the process at any moment, and answers that clickhouse-go (protocol HTTP) takes for a server's.
// It refuses other machines, since it knows no passwords, and a second process on the same
// directory. Statements run one after the other. Production runs a ClickHouse server or cluster
// instead; nothing else in the project knows the difference. Read engine and server first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"meridian/deploy/local/clickhouse/fetch"
	"meridian/internal/flagenv"
)

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "clickhouse: "+err.Error())
	}
	os.Exit(flagenv.ExitCode(err))
}

type config struct {
	listen    string
	dir       string
	lib       string
	fetchOnly bool
}

func run(args []string) error {
	cfg, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if cfg.lib == "" {
		if cfg.lib, err = fetch.Library(ctx, fetch.Config{}); err != nil {
			return err
		}
	}
	if cfg.fetchOnly {
		fmt.Println(cfg.lib)
		return nil
	}
	return serve(ctx, cfg)
}

func parse(args []string) (config, error) {
	var c config
	fs := flag.NewFlagSet("clickhouse", flag.ContinueOnError)
	fs.StringVar(&c.listen, "listen", "127.0.0.1:8140", "`address` to serve on; this machine only, port 0 picks one")
	fs.StringVar(&c.dir, "data", "", "`directory` of the data; made when missing")
	fs.StringVar(&c.lib, "lib", "", "`path` of libchdb.so; empty: the pinned release, downloaded with npm once")
	fs.BoolVar(&c.fetchOnly, "fetch-only", false, "download the engine, print its path and exit")
	if err := flagenv.Parse(fs, "CLICKHOUSE", args); err != nil {
		return c, err
	}
	host, _, err := net.SplitHostPort(c.listen)
	if err != nil {
		return c, flagenv.Errorf("listen", "give an address like 127.0.0.1:8140")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return c, flagenv.Errorf("listen", "this engine knows no passwords and serves this machine only: give 127.0.0.1, or run a ClickHouse server")
	}
	if c.dir == "" && !c.fetchOnly {
		return c, flagenv.Errorf("data", "give the directory of the data")
	}
	return c, nil
}

// limits bound every statement; a request's own settings may differ from them.
func limits() []string {
	return []string{
		"SET max_execution_time = 60, max_memory_usage = 2000000000, max_result_bytes = 268435456, result_overflow_mode = 'throw'",
	}
}

// serve runs until ctx ends. Order of the end: no new requests, those under way finish, then the
// engine writes out what it holds and its directory is free.
func serve(ctx context.Context, cfg config) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	dir, err := filepath.Abs(cfg.dir)
	if err != nil {
		return fmt.Errorf("find the data directory: %w", err)
	}
	unlock, err := lockDirectory(dir)
	if err != nil {
		return err
	}
	defer unlock()
	lib, err := loadLibrary(cfg.lib)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.listen)
	if err != nil {
		return flagenv.Errorf("listen", "%v", err)
	}
	e, err := openEngine(lib, filepath.Join(dir, "engine"), limits())
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer e.close()

	web := &http.Server{Handler: newServer(e, log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	log.Info("clickhouse engine ready", "addr", "http://"+listener.Addr().String(), "data", dir)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	quiet, cancel := context.WithTimeout(context.Background(), 65*time.Second)
	defer cancel()
	if err := web.Shutdown(quiet); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
