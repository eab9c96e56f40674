package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"meridian/internal/flagenv"
)

// region is one of the demo's regions.
type region struct {
	name, currency, country string
}

var regions = []region{{"eu", "EUR", "DE"}, {"us", "USD", "US"}, {"ap", "USD", "JP"}}

// ports is where everything of the demo listens, counted from a base of 8080.
type ports struct{ base int }

func (p ports) at(offset int) string { return "127.0.0.1:" + strconv.Itoa(p.base+offset) }

func (p ports) edge(i int) string    { return p.at(i) }
func (p ports) edgeOps(i int) string { return p.at(10 + i) }
func (p ports) core(i int) string    { return p.at(20 + i) }
func (p ports) raft(i int) string    { return p.at(30 + i) }
func (p ports) coreOps(i int) string { return p.at(40 + i) }
func (p ports) s3() string           { return p.at(50) }
func (p ports) clickhouse() string   { return p.at(60) }
func (p ports) payments() string     { return p.at(70) }
func (p ports) mailPage() string     { return p.at(80) }
func (p ports) smtp() string         { return p.at(81) }
func (p ports) edgeURL(i int) string { return "http://" + p.edge(i) }
func (p ports) highestOffset() int   { return 81 }
func (p ports) valid() bool          { return p.base >= 1024 && p.base+p.highestOffset() <= 65535 }
func (p ports) coresFlag(n int) string {
	return strings.Join(p.each(n, func(i int) string {
		return fmt.Sprintf("core-%s=%s@%s", regions[i].name, regions[i].name, p.core(i))
	}), ",")
}

func (p ports) peersFlag(n int) string {
	return strings.Join(p.each(n, func(i int) string {
		return fmt.Sprintf("core-%s=%s@%s@%s", regions[i].name, regions[i].name, p.raft(i), p.core(i))
	}), ",")
}

func (ports) each(n int, f func(int) string) []string {
	all := make([]string, n)
	for i := range n {
		all[i] = f(i)
	}
	return all
}

// free checks that every port can be listened on.
func (p ports) free(n int, clickhouse bool) error {
	type want struct{ addr, what string }
	all := []want{{p.s3(), "the S3 server"}, {p.payments(), "the payment provider"}, {p.mailPage(), "the mailbox"}, {p.smtp(), "the mailbox's SMTP"}}
	if clickhouse {
		all = append(all, want{p.clickhouse(), "ClickHouse"})
	}
	for i := range n {
		name := regions[i].name
		all = append(all, want{p.edge(i), "edge-" + name}, want{p.edgeOps(i), "operations of edge-" + name},
			want{p.core(i), "core-" + name}, want{p.raft(i), "Raft of core-" + name}, want{p.coreOps(i), "operations of core-" + name})
	}
	for _, w := range all {
		ln, err := net.Listen("tcp", w.addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			_, port, _ := net.SplitHostPort(w.addr)
			return flagenv.Errorf("port-base", "port %s, for %s, is in use; stop what listens there, or give another base such as --port-base=%d", port, w.what, p.base+1000)
		}
		if err != nil {
			return flagenv.Errorf("port-base", "cannot listen on %s for %s (%v)", w.addr, w.what, err)
		}
		ln.Close()
	}
	return nil
}
