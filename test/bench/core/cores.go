package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meridian/api"
	"meridian/core/seal"
	proc "meridian/test/bench/process"
)

// cores are three `core serve` processes with the protections they ship with: fsync on, the raft guard
// on, the state hash on. What is switched is in args, and in the title of the row.
type cores struct {
	dir     string
	nodes   []*coreNode
	seeking sync.Mutex
	leads   atomic.Int32 // the number of the node that leads
	sandbox *process     // the payment provider, when a load needs one
}

// coreNode is one of them. Its args start it again on the same data.
type coreNode struct {
	id, api, log string
	program      string
	args         []string
	process      *process
}

// What the processes are told to expect of their callers.
const (
	clusterToken = "the secret of a benchmark's cluster"
	staffToken   = "token-of-the-benchmark"
)

// openCores starts the cluster, waits for its leader, and fills the shelves. withPayments also starts
// the sandbox payment provider.
func openCores(ctx context.Context, b *bench, withPayments bool, extra ...string) (c *cores, err error) {
	c = &cores{dir: filepath.Join(b.dir, "cores")}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	shared, err := c.secrets()
	if err != nil {
		return nil, err
	}
	if withPayments {
		url, err := c.startSandbox(ctx, b)
		if err != nil {
			return nil, err
		}
		shared = append(shared, "--payments-url", url)
	}
	if err := c.plan(b, append(shared, extra...)); err != nil {
		return nil, err
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return nil, err
		}
	}
	if err := c.findLeader(ctx, 30*time.Second); err != nil {
		return nil, err
	}
	if err := c.stockUp(ctx); err != nil {
		return nil, fmt.Errorf("create the SKUs: %w", err)
	}
	return c, nil
}

// secrets writes the files that the nodes share.
func (c *cores) secrets() ([]string, error) {
	staff, err := json.Marshal([]map[string]string{{"email": "bench@example.com", "role": "merchandiser", "password": "a password nobody uses", "token": staffToken}})
	if err != nil {
		return nil, err
	}
	token, ring, list := filepath.Join(c.dir, "token"), filepath.Join(c.dir, "keyring"), filepath.Join(c.dir, "staff.json")
	_, err = seal.OpenKeyring(ring, true)
	return []string{"--cluster-token-file", token, "--keyring", ring, "--staff-file", list},
		errors.Join(err, os.WriteFile(token, []byte(clusterToken), 0o600), os.WriteFile(list, staff, 0o600))
}

func (c *cores) startSandbox(ctx context.Context, b *bench) (string, error) {
	addr, err := proc.FreePort()
	if err != nil {
		return "", err
	}
	c.sandbox, err = spawn("payments", filepath.Join(b.dir, "payments.log"), nil, filepath.Join(b.bin, "payments"), "--addr", addr, "--data", filepath.Join(c.dir, "payments"))
	if err != nil {
		return "", err
	}
	return "http://" + addr, c.sandbox.until(ctx, "it took connections", 10*time.Second, func() error { return reachable(addr) })
}

func reachable(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// plan gives each node its addresses and its command line.
func (c *cores) plan(b *bench, shared []string) error {
	const count = 3
	addrs, err := proc.FreePorts(3 * count)
	if err != nil {
		return err
	}
	var peers []string
	for i := range count {
		id := fmt.Sprintf("core-%d", i+1)
		peers = append(peers, fmt.Sprintf("%s=r%d@%s@%s", id, i+1, addrs[3*i+1], addrs[3*i]))
	}
	for i := range count {
		id := fmt.Sprintf("core-%d", i+1)
		args := []string{"serve", "--id", id, "--region", fmt.Sprintf("r%d", i+1), "--data", filepath.Join(c.dir, id),
			"--api-addr", addrs[3*i], "--raft-addr", addrs[3*i+1], "--ops-addr", addrs[3*i+2], "--peers", strings.Join(peers, ",")}
		c.nodes = append(c.nodes, &coreNode{id: id, api: addrs[3*i], log: filepath.Join(b.dir, id+".log"),
			program: filepath.Join(b.bin, "core"), args: append(args, shared...)})
	}
	return nil
}

func (n *coreNode) start() (err error) {
	n.process, err = spawn(n.id, n.log, nil, n.program, n.args...)
	return err
}

func (n *coreNode) status() (s api.NodeStatus, err error) {
	w, err := dialWire(n.api, time.Second)
	if err != nil {
		return s, err
	}
	defer w.close()
	return s, w.call(api.StatusCheck.Name, "", nil, &s)
}

// leader is the node that led when somebody last looked.
func (c *cores) leader() *coreNode { return c.nodes[c.leads.Load()] }

// seek looks for the node that leads and takes decisions.
func (c *cores) seek() error {
	c.seeking.Lock()
	defer c.seeking.Unlock()
	for i, n := range c.nodes {
		if s, err := n.status(); err != nil || s.Leader != n.id {
			continue
		}
		w, err := dialWire(n.api, time.Second)
		if err != nil {
			continue
		}
		var who api.StaffIdentity
		err = w.call(api.StaffWhoami.Name, "", nil, &who) // the staff was created by a leader that decides
		w.close()
		if err == nil {
			c.leads.Store(int32(i))
			return nil
		}
	}
	return errors.New("no node leads")
}

// findLeader waits for a leader.
func (c *cores) findLeader(ctx context.Context, limit time.Duration) error {
	return c.nodes[0].process.until(ctx, "a leader was elected", limit, c.seek)
}

// stockUp imports the products, as staff would, and counts the hot one and the others up to plenty.
func (c *cores) stockUp(ctx context.Context) error {
	w, err := dialWire(c.leader().api, time.Minute)
	if err != nil {
		return err
	}
	defer w.close()
	var csv bytes.Buffer
	csv.WriteString("Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price,Status\n")
	for sku := range skuCount + 1 {
		fmt.Fprintf(&csv, "p%d,Product %d,%s,%d,10.00,active\n", sku, sku, skuName(sku), initialStock)
	}
	body, err := json.Marshal(api.ImportProducts{CSV: csv.Bytes()})
	if err != nil {
		return err
	}
	var report api.ImportReport
	if err := w.call(api.StaffImport.Name, "import", body, &report); err != nil {
		return err
	}
	if report.Created != skuCount+1 {
		return fmt.Errorf("%d of %d products were created: %+v", report.Created, skuCount+1, report.Errors)
	}
	return nil
}

func skuName(sku int) string { return fmt.Sprintf("SKU-%05d", sku) }

// skuNames are the names of all SKUs, made once.
var skuNames = func() (names [skuCount + 1]string) {
	for i := range names {
		names[i] = skuName(i)
	}
	return names
}()

func (c *cores) close() error {
	for _, n := range c.nodes {
		n.process.stop(syscall.SIGTERM)
	}
	c.sandbox.stop(syscall.SIGTERM)
	return os.RemoveAll(c.dir)
}

// stock reads every level exactly, a frame at a time.
func (c *cores) stock() ([]int64, error) {
	w, err := dialWire(c.leader().api, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer w.close()
	out := make([]int64, 0, skuCount+1)
	for from := 0; from <= skuCount; from += readsPerFrame {
		levels, err := readLevels(w, from, min(from+readsPerFrame, skuCount+1))
		if err != nil {
			return nil, err
		}
		out = append(out, levels...)
	}
	return out, nil
}
