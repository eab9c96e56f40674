package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// client asks for what is not measured: seeding, counters and what is verified afterwards.
type client struct{ base, token string }

// do makes one request; in and out may be nil, out may be a *string for the text of the answer.
func (c client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	switch text, wanted := out.(*string); {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, b)
	case wanted:
		*text = string(b)
		return nil
	case out == nil:
		return nil
	}
	return json.Unmarshal(b, out)
}

// gauge reads one value of a /metrics page.
func (c client) gauge(ctx context.Context, name string) (float64, error) {
	var text string
	if err := c.do(ctx, "GET", "/metrics", nil, &text); err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return number(strings.TrimSpace(value))
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s", c.base, name)
}

// profile takes a processor profile of every process that offers one; the returned function waits for them.
func (s *shop) profile(dir string, d time.Duration) (wait func() error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for name, base := range s.ops {
		wg.Go(func() {
			var text string
			err := client{base: base}.do(context.Background(), "GET", fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(d.Seconds())), nil, &text)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name+".pprof"), []byte(text), 0o600)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			}
		})
	}
	return func() error { wg.Wait(); return failed }
}

// check stops the shop and lets every replica verify all its invariants.
func (s *shop) check() error {
	if err := s.stop(); err != nil {
		return err
	}
	for _, r := range regions {
		out, err := exec.Command(filepath.Join(s.bin, "core"), "check", "--data", s.path("core-"+r)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("core check of core-%s: %w\n%s", r, err, out)
		}
	}
	return nil
}
