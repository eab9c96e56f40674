//go:build linux

package chaos

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/core/seal"
	"meridian/internal/workload"
)

// shape is how a cluster is built.
type shape struct {
	nodes     int
	heartbeat time.Duration
	rtt       time.Duration
	disk      disk
	// snapshots makes them frequent and keeps hardly any log behind them.
	snapshots bool
	// wal keeps the log in raft-wal instead of raft-boltdb.
	wal bool
	// env is for programs built to be broken.
	env []string
}

// cluster is a set of running cores with a payment provider.
type cluster struct {
	shape
	dir      string
	net      *network // nil: everything is on loopback, in plain text
	names    *names
	cores    []*core
	provider string
	token    string
	staff    string // token of a merchandiser
	merch    *workload.Direct
	operator *workload.Direct
	http     *http.Client

	endProvider func()
}

// launch starts a cluster and waits until it decides.
func launch(ctx context.Context, programs, dir string, names *names, s shape, spaces bool) (*cluster, error) {
	c := &cluster{shape: s, dir: dir, names: names}
	var err error
	if spaces {
		if c.net, err = newNetwork(s.nodes); err != nil {
			return nil, err
		}
	}
	staff, err := c.secrets()
	if err != nil {
		c.close()
		return nil, err
	}
	c.staff = staff[0]
	c.merch = workload.NewDirect(c.token, staff[0], c.dial(), c.tls())
	c.operator = workload.NewDirect(c.token, staff[1], c.dial(), c.tls())
	c.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
		return c.dial()(addr, time.Second)
	}}}
	if err := c.startProvider(filepath.Join(programs, "payments")); err != nil {
		c.close()
		return nil, err
	}
	if err := c.addCores(filepath.Join(programs, "core")); err != nil {
		c.close()
		return nil, err
	}
	for _, n := range c.cores {
		n.start()
	}
	if err := c.ready(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cluster) dial() func(string, time.Duration) (net.Conn, error) {
	if c.net == nil {
		return func(addr string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", addr, timeout)
		}
	}
	return c.net.dial
}

// tls is how clients know a core; on loopback they need not.
func (c *cluster) tls() func(id string) *tls.Config {
	if c.net == nil {
		return nil
	}
	return c.names.client
}

// secrets writes what the cores share, and answers the tokens of a merchandiser and an operator.
func (c *cluster) secrets() ([2]string, error) {
	var staff [2]string
	c.token, staff[0], staff[1] = random(), "mst_"+random(), "mst_"+random()
	type member struct {
		Email    string `json:"email"`
		Role     string `json:"role"`
		Password string `json:"password"`
		Token    string `json:"token"`
	}
	list, err := json.Marshal([]member{{"m@example.com", "merchandiser", random(), staff[0]}, {"o@example.com", "operator", random(), staff[1]}})
	if err != nil {
		return staff, err
	}
	_, err = seal.OpenKeyring(filepath.Join(c.dir, "keyring"), true)
	return staff, errors.Join(err, os.WriteFile(filepath.Join(c.dir, "token"), []byte(c.token), 0o600), os.WriteFile(filepath.Join(c.dir, "staff.json"), list, 0o600))
}

func random() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// addresses are those of a core's listeners: api, raft and ops.
func (c *cluster) addresses(i int) (api, raft, ops string, err error) {
	if c.net != nil {
		ip := nodeIP(i)
		return ip + ":8100", ip + ":8110", ip + ":8120", nil
	}
	var a [3]string
	for k := range a {
		if a[k], err = freeAddr(); err != nil {
			return "", "", "", err
		}
	}
	return a[0], a[1], a[2], nil
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func (c *cluster) addCores(binary string) error {
	var peers []string
	type place struct{ api, raft, ops string }
	places := make([]place, c.nodes)
	for i := range places {
		var err error
		if places[i].api, places[i].raft, places[i].ops, err = c.addresses(i); err != nil {
			return err
		}
		peers = append(peers, fmt.Sprintf("core-%d=local@%s@%s", i+1, places[i].raft, places[i].api))
	}
	for i, p := range places {
		id := fmt.Sprintf("core-%d", i+1)
		args := []string{"serve", "--id", id, "--region", "local", "--data", filepath.Join(c.dir, id), "--api-addr", p.api, "--raft-addr", p.raft, "--ops-addr", p.ops,
			"--peers", strings.Join(peers, ","), "--cluster-token-file", filepath.Join(c.dir, "token"), "--keyring", filepath.Join(c.dir, "keyring"),
			"--staff-file", filepath.Join(c.dir, "staff.json"), "--payments-url", c.provider, "--heartbeat", c.heartbeat.String(), "--rtt", c.rtt.String()}
		if c.net != nil {
			args = append(args, c.names.flags(id)...)
		}
		if c.snapshots {
			args = append(args, "--snapshot-threshold", "24", "--snapshot-trailing", "16", "--snapshot-interval", "100ms")
		}
		if c.wal {
			args = append(args, "--raft-log", "wal")
		}
		n := &core{id: id, api: p.api, binary: binary, args: args, env: c.env, dir: filepath.Join(c.dir, id), logPath: filepath.Join(c.dir, id+".log"), disk: c.disk}
		if c.net != nil {
			n.space = c.net.nodes[i]
		}
		c.cores = append(c.cores, n)
	}
	return nil
}

func (c *cluster) startProvider(binary string) error {
	addr := hubIP + ":8150"
	if c.net == nil {
		var err error
		if addr, err = freeAddr(); err != nil {
			return err
		}
	}
	c.provider = "http://" + addr
	log, err := os.Create(filepath.Join(c.dir, "payments.log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(binary, "--addr", addr, "--data", filepath.Join(c.dir, "payments"), "--slow", "300ms")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		defer log.Close()
		runtime.LockOSThread()
		err := errors.Join(c.hub().enter())
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the payment provider: %w", err)
	}
	var once sync.Once
	c.endProvider = func() {
		once.Do(func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		<-ended
	}
	return nil
}

func (c *cluster) hub() *space {
	if c.net == nil {
		return nil
	}
	return c.net.hub
}

// nodes are the cores as clients know them.
func (c *cluster) clientNodes() []coreclient.Node {
	var out []coreclient.Node
	for _, n := range c.cores {
		out = append(out, n.node())
	}
	return out
}

// stop ends every core in order, which examines it, and then the provider.
func (c *cluster) stop() {
	var wg sync.WaitGroup
	for _, n := range c.cores {
		wg.Go(n.stop)
	}
	wg.Wait()
}

// close ends whatever still runs.
func (c *cluster) close() {
	for _, n := range c.cores {
		if n.quit == nil {
			continue
		}
		select {
		case <-n.quit:
		default:
			close(n.quit)
		}
		n.signal(syscall.SIGKILL)
		<-n.done
	}
	if c.endProvider != nil {
		c.endProvider()
	}
	for _, d := range []*workload.Direct{c.merch, c.operator} {
		if d != nil {
			d.Close()
		}
	}
	if c.net != nil {
		c.net.close()
	}
}

// charge is what the provider says about one payment.
type charge struct {
	ID    string `json:"id"`
	Order string `json:"order"`
	State string `json:"state"`
}

// charges are all the provider knows.
func (c *cluster) charges(ctx context.Context) (all []charge, err error) {
	for after := ""; ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.provider+"/charges?limit=1000&after="+after, nil)
		if err != nil {
			return nil, err
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
		resp.Body.Close()
		var page api.List[charge]
		if err = errors.Join(err, json.Unmarshal(b, &page)); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all, nil
		}
		after = *page.Next
	}
}
