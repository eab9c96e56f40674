// Package loopback finds addresses for processes that are started, stopped and started again.
package loopback

import (
	"crypto/rand"
	"net"
)

// Addresses are n free ones. They are of a host of their own in 127/8: a port of 127.0.0.1 that is free now may
// be somebody's connection before the process that should listen there has started.
func Addresses(n int) (all []string, err error) {
	var b [3]byte
	rand.Read(b[:])
	host := net.IPv4(127, 1|b[0], b[1], 1|b[2]).String()
	for range n {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		all = append(all, ln.Addr().String())
	}
	return all, nil
}
