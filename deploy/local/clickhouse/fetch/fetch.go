// Package fetch obtains the ClickHouse engine library (libchdb.so) for this machine.
//
// It promises that the file it returns came out of exactly the pinned release: the archive is held
// against a SHA-512 written in this package before anything of it is used, and an unpacked library
// appears under its final name only when it is complete. It refuses platforms without a pin, and
// says in one line what is missing. Read Library and Config first.
package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Errors that say why there is no library. Their text is the line a person sees.
var (
	ErrNoNPM       = errors.New("npm is not installed, and the ClickHouse engine comes as an npm package: install Node.js, or give the path of a libchdb.so")
	ErrDownload    = errors.New("the ClickHouse engine could not be downloaded: check the network, or give the path of a libchdb.so")
	ErrIntegrity   = errors.New("the downloaded ClickHouse engine is not the pinned one and was deleted")
	ErrUnsupported = errors.New("no ClickHouse engine is pinned for this platform: give the path of a libchdb.so")
)

// Config says where the library lives and who hears about progress.
type Config struct {
	// Dir holds unpacked libraries. Default: meridian/clickhouse in the user's cache directory.
	Dir string
	// Progress gets a line per step. Default: standard error.
	Progress io.Writer
	// NPM is the npm program. Default: npm from the path.
	NPM string
	// Platform is the pin to use. Default: this machine's, like linux/amd64.
	Platform string
}

// Library returns the path of libchdb.so, downloading and unpacking it when it is not there yet.
// Several processes may call it at once: one works, the others wait.
func Library(ctx context.Context, cfg Config) (string, error) {
	if cfg.Progress == nil {
		cfg.Progress = os.Stderr
	}
	if cfg.Platform == "" {
		cfg.Platform = runtime.GOOS + "/" + runtime.GOARCH
	}
	p, ok := pins()[cfg.Platform]
	if !ok {
		return "", fmt.Errorf("%w (%s)", ErrUnsupported, cfg.Platform)
	}
	if cfg.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache directory: %w", err)
		}
		cfg.Dir = filepath.Join(cache, "meridian", "clickhouse")
	}
	path := filepath.Join(cfg.Dir, p.directory(), libraryName)
	if complete(path, p) {
		return path, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return "", fmt.Errorf("make the engine's cache directory: %w", err)
	}
	unlock, err := lock(filepath.Join(cfg.Dir, ".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if complete(path, p) {
		return path, nil
	}
	return path, download(ctx, cfg, p, path)
}

func complete(path string, p pin) bool {
	st, err := os.Stat(path)
	return err == nil && st.Size() == p.libraryBytes
}

// lock waits for the other processes that fetch into the same directory.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the engine's cache directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock the engine's cache directory: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

func download(ctx context.Context, cfg Config, p pin, path string) error {
	npm := cfg.NPM
	if npm == "" {
		found, err := exec.LookPath("npm")
		if err != nil {
			return ErrNoNPM
		}
		npm = found
	}
	tmp, err := os.MkdirTemp(cfg.Dir, ".fetch-")
	if err != nil {
		return fmt.Errorf("make a directory for the download: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	say(cfg, "clickhouse: downloading %s@%s (%d MB, once)", p.name, p.version, p.archiveBytes/1_000_000)
	archive, err := pack(ctx, npm, p, tmp)
	if err != nil {
		return err
	}
	if err := verify(archive, p); err != nil {
		return err
	}
	say(cfg, "clickhouse: checked against the pinned SHA-512; unpacking %d MB", p.libraryBytes/1_000_000)
	unpacked := filepath.Join(tmp, "unpacked")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return fmt.Errorf("unpack the engine: %w", err)
	}
	if err := unpack(archive, filepath.Join(unpacked, libraryName), p); err != nil {
		return err
	}
	final := filepath.Dir(path)
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("replace an incomplete engine: %w", err)
	}
	if err := os.Rename(unpacked, final); err != nil {
		return fmt.Errorf("put the engine in place: %w", err)
	}
	say(cfg, "clickhouse: engine ready")
	return nil
}

func say(cfg Config, format string, args ...any) {
	_, _ = fmt.Fprintf(cfg.Progress, format+"\n", args...)
}

// pack lets npm download the archive into dir and finds it there.
func pack(ctx context.Context, npm string, p pin, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", dir, p.name+"@"+p.version)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w (npm: %s)", ErrDownload, firstLine(stderr.String(), err))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%w (npm left %d archives)", ErrDownload, len(found))
	}
	return found[0], nil
}

func firstLine(text string, err error) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "warn") {
			return line
		}
	}
	return err.Error()
}
