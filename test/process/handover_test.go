package process

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/loopback"
)

// own is an edge of this test beside the demo's: same cores, its own address.
type own struct {
	cmd *exec.Cmd
	log *os.File
}

// edgeArgs are the settings of a demo's edge with some of them replaced or added.
func (d running) edgeArgs(t *testing.T, name string, set map[string]string) []string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.pid(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")[1:]
	args := []string{old[0]} // serve
	for i := 1; i < len(old); i++ {
		flag, _, joined := strings.Cut(strings.TrimLeft(old[i], "-"), "=")
		whole := []string{old[i]}
		if !joined && i+1 < len(old) && !strings.HasPrefix(old[i+1], "--") {
			i++
			whole = append(whole, old[i])
		}
		if _, replaced := set[flag]; !replaced {
			args = append(args, whole...)
		}
	}
	for flag, value := range set {
		args = append(args, "--"+flag, value)
	}
	return args
}

func startOwn(t *testing.T, dir string, n int, args []string) *own {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, fmt.Sprintf("edge-%d.log", n)))
	if err != nil {
		t.Fatal(err)
	}
	e := &own{cmd: exec.Command(filepath.Join(repository, "bin", "edge"), args...), log: log}
	e.cmd.Stderr = log
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill()
		_ = e.cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("%s:\n%s", filepath.Base(log.Name()), b)
		}
	})
	return e
}

// ended waits for the process to end by itself, and well.
func (e *own) ended(t *testing.T) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- e.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the edge ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the edge did not end")
	}
}

// client keeps a connection for as long as the edge does, and repeats nothing: whatever goes wrong is counted.
type client struct {
	addr          string
	conn          net.Conn
	in            *bufio.Reader
	done          atomic.Int64
	closed, fails int
	first         error
	events        []string
}

func (c *client) ask(req *http.Request) (err error) {
	if c.conn == nil {
		if c.conn, err = net.DialTimeout("tcp", c.addr, 5*time.Second); err != nil {
			return err
		}
		c.in = bufio.NewReader(c.conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := req.Write(c.conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", req.Method, req.URL.Path, resp.Status, body)
	}
	if resp.Close {
		c.closed++
		_ = c.conn.Close()
		c.conn = nil
	}
	return nil
}

// browse asks for pages and sends events until stop is set.
func (c *client) browse(stop *atomic.Bool, session string) {
	for n := 0; !stop.Load(); n++ {
		req, _ := http.NewRequest("GET", "http://"+c.addr+"/products/flash-mug", nil)
		id := ""
		if n%8 == 7 {
			v, _ := uuid.NewV7()
			id = v.String()
			body := fmt.Sprintf(`{"events":[{"id":%q,"type":"view_item","at":%q,"session":%q,"items":[{"item_id":"flash-mug"}]}]}`, id, time.Now().UTC().Format(time.RFC3339), session)
			req, _ = http.NewRequest("POST", "http://"+c.addr+"/api/v1/events", bytes.NewReader([]byte(body)))
			req.Header.Set("Content-Type", "application/json")
		}
		if err := c.ask(req); err != nil {
			c.fails++
			c.first = errors.Join(c.first, err)
			if c.conn != nil {
				_ = c.conn.Close()
				c.conn = nil
			}
			time.Sleep(time.Millisecond)
			continue
		}
		c.done.Add(1)
		if id != "" {
			c.events = append(c.events, id)
		}
	}
}

// replacing is what clients saw while an edge was replaced.
type replacing struct {
	done, closed, fails int
	first               error
	events              []string
}

// replace runs clients against an edge while times successors take its place, one after the other.
func replace(t *testing.T, times int, handover bool) (r replacing) {
	t.Helper()
	near.shop(t).PutProduct("flash-mug", "FLASH-MUG-HO", 900, 1000)
	dir := t.TempDir()
	addrs, err := loopback.Addresses(2)
	if err != nil {
		t.Fatal(err)
	}
	addr, ops := addrs[0], addrs[1]
	set := map[string]string{"id": "edge-own", "addr": addr, "ops-addr": ops, "spool": filepath.Join(dir, "spool"), "public-url": "http://" + addr}
	if handover {
		set["handover"] = filepath.Join(dir, "run", "edge.sock")
	}
	args := near.edgeArgs(t, "edge-eu", set)
	ready := func() bool {
		resp, err := http.Get("http://" + ops + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == 200
	}
	edge := startOwn(t, dir, 0, args)
	eventually(t, "the edge to be ready", ready)
	var stop atomic.Bool
	var wg sync.WaitGroup
	clients := make([]*client, 16)
	session := "handover-" + uuid.NewString()
	for i := range clients {
		clients[i] = &client{addr: addr}
		wg.Go(func() { clients[i].browse(&stop, session) })
	}
	busy := func() { // every client gets some more answers, from whoever serves
		for _, c := range clients {
			until := c.done.Load() + 25
			eventually(t, "answers", func() bool { return c.done.Load() >= until })
		}
	}
	for n := range times {
		busy()
		if !handover {
			if err := edge.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			edge.ended(t)
		}
		next := startOwn(t, dir, n+1, args)
		if handover {
			edge.ended(t)
		}
		edge = next
		eventually(t, "the successor to be ready", ready)
	}
	busy()
	stop.Store(true)
	wg.Wait()
	for _, c := range clients {
		r.done, r.closed, r.fails = r.done+int(c.done.Load()), r.closed+c.closed, r.fails+c.fails
		r.events = append(r.events, c.events...)
		if r.first == nil {
			r.first = c.first
		}
	}
	if handover { // what the ended processes left is delivered by the last one
		s := near.shop(t)
		eventually(t, fmt.Sprintf("%d events to be delivered", len(r.events)), func() bool {
			left, _ := filepath.Glob(filepath.Join(dir, "spool", "*.seg"))
			more, _ := filepath.Glob(filepath.Join(dir, "spool", "next", "*.seg"))
			return len(left)+len(more) == 0
		})
		near.eventsOnce(t, &sender{s: s, session: session, accepted: r.events})
	}
	return r
}

// TestHandover: an edge is replaced three times under load, and no request fails, no connection is refused, and
// each event that was accepted is stored once.
func TestHandover(t *testing.T) {
	r := replace(t, 3, true)
	t.Logf("%d answers, %d connections ended by the edge, %d failures, %d events", r.done, r.closed, r.fails, len(r.events))
	if r.fails > 0 || r.done < 1000 || r.closed < 16 {
		t.Errorf("%d of %d requests failed, %d connections ended by the edge; the first: %v", r.fails, r.done, r.closed, r.first)
	}
}

// TestGateHandover: without it the same change of processes is noticed.
func TestGateHandover(t *testing.T) {
	if r := replace(t, 1, false); r.fails == 0 {
		t.Errorf("none of %d requests failed while nobody listened", r.done)
	}
}
