package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestKillKeepsWhatWasAcknowledged kills the real process again and again in the middle of traffic.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "payments")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))

	var mu sync.Mutex
	acknowledged := map[string]string{} // key → state
	for round := range 4 {
		addr := freeAddr(t)
		cmd := exec.Command(bin, "--addr", addr, "--data", filepath.Join(dir, "data"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitHealthy(t, addr)
		for key, want := range acknowledged {
			if got := state(t, addr, key); got != want {
				t.Errorf("round %d: %s is %q after the kill, was acknowledged as %q", round, key, got, want)
			}
		}
		var wg sync.WaitGroup
		enough := make(chan struct{}, 10_000)
		for worker := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d-%d-%d", round, worker, i)
					body := fmt.Sprintf(`{"key":%q,"order":"o","token":"tok_ok","amount":100,"currency":"EUR"}`, key)
					if !post(addr, "/charges", body) {
						return
					}
					mu.Lock()
					acknowledged[key] = "authorized"
					mu.Unlock()
					if i%2 == 0 {
						// From here on the capture's outcome is open until it is acknowledged.
						mu.Lock()
						delete(acknowledged, key)
						mu.Unlock()
						if !post(addr, "/charges/"+key+"/capture", "") {
							return
						}
						mu.Lock()
						acknowledged[key] = "captured"
						mu.Unlock()
					}
					enough <- struct{}{}
				}
			}()
		}
		for range 20 + rng.IntN(60) {
			<-enough
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		wg.Wait()
	}
	if len(acknowledged) < 80 {
		t.Fatalf("only %d acknowledged changes: the test tested nothing", len(acknowledged))
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func waitHealthy(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if res, err := http.Get("http://" + addr + "/healthz"); err == nil {
			res.Body.Close()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the process never answered")
}

func post(addr, path, body string) bool {
	res, err := http.Post("http://"+addr+path, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func state(t *testing.T, addr, key string) string {
	t.Helper()
	res, err := http.Get("http://" + addr + "/charges/" + key)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var c struct{ State string }
	if err := json.NewDecoder(res.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c.State
}
