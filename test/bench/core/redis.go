package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	proc "meridian/test/bench/process"
)

// redis is one Redis 7 that has written each command to its append-only file, and synced it, before it
// answers. It does not rewrite the file meanwhile.
type redis struct {
	server *process
	addr   string
	dir    string
	script string // its hash
}

const redisHint = "install redis-server (make bench-core does it as root on Debian)"

// decrementLua takes a unit if there is one, once for an identity that is remembered for seven days.
const decrementLua = `if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', 604800) then return 2 end
local qty = tonumber(redis.call('GET', KEYS[1]))
if qty < 1 then redis.call('DEL', KEYS[2]) return 0 end
redis.call('DECRBY', KEYS[1], 1)
return 1`

func openRedis(ctx context.Context, b *bench) (s system, err error) {
	r := &redis{dir: filepath.Join(b.dir, "redis")}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	server, err := proc.Find("redis-server", redisHint)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return nil, err
	}
	if r.addr, err = proc.FreePort(); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return nil, err
	}
	r.server, err = spawn("Redis", filepath.Join(b.dir, "redis.log"), nil, server, "--bind", host, "--port", port, "--dir", r.dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0")
	if err != nil {
		return nil, err
	}
	err = r.server.until(ctx, "it took connections", 30*time.Second, func() error {
		c, err := r.dial()
		if err != nil {
			return err
		}
		defer c.close()
		_, err = c.call("PING")
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, r.load()
}

// load puts the stock and the script in.
func (r *redis) load() error {
	c, err := r.dial()
	if err != nil {
		return err
	}
	defer c.close()
	args := []string{"MSET"}
	for sku := range skuCount + 1 {
		args = append(args, redisKey(sku), strconv.Itoa(initialStock))
	}
	if _, err := c.call(args...); err != nil {
		return err
	}
	r.script, err = c.call("SCRIPT", "LOAD", decrementLua)
	return err
}

func redisKey(sku int) string { return "s:" + strconv.Itoa(sku) }

func (r *redis) close() error {
	r.server.stop(syscall.SIGTERM)
	return os.RemoveAll(r.dir)
}

func (r *redis) stock() ([]int64, error) {
	c, err := r.dial()
	if err != nil {
		return nil, err
	}
	defer c.close()
	args := []string{"MGET"}
	for sku := range skuCount + 1 {
		args = append(args, redisKey(sku))
	}
	c.out = appendRESP(c.out[:0], args...)
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	values, err := readRESPList(c.in)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(values))
	for i, v := range values {
		if out[i], err = strconv.ParseInt(v, 10, 64); err != nil {
			return nil, fmt.Errorf("stock of SKU %d: %w", i, err)
		}
	}
	return out, nil
}

func (r *redis) dial() (*redisClient, error) {
	conn, err := net.DialTimeout("tcp", r.addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &redisClient{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), script: r.script}, nil
}

func (r *redis) connect(op) (client, error) { return r.dial() }

// redisClient speaks RESP over one connection: a request is one write, with all its commands.
type redisClient struct {
	conn   net.Conn
	in     *bufio.Reader
	out    []byte
	script string
}

func (c *redisClient) do(commands []command) error {
	c.out = c.out[:0]
	for i := range commands {
		c.out = appendDecrement(c.out, c.script, &commands[i])
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	for i := range commands {
		n, err := readRESPInt(c.in)
		if err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		if n != 1 {
			return fmt.Errorf("redis answered %d for SKU %d", n, commands[i].sku)
		}
	}
	return nil
}

// call sends one command and takes an answer that is a string or a number.
func (c *redisClient) call(args ...string) (string, error) {
	c.out = appendRESP(c.out[:0], args...)
	if _, err := c.conn.Write(c.out); err != nil {
		return "", err
	}
	return readRESP(c.in)
}

func (c *redisClient) close() { _ = c.conn.Close() }
