package main

import (
	"net"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// Drips go on until the server hangs up, from as many addresses as there have to be.
func TestDrips(t *testing.T) {
	const conns = 2*perAddress + 10
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) {}, ReadTimeout: 400 * time.Millisecond, MaxConnsPerIP: perAddress}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	told := false
	r, err := drips(t.Context(), dripper{ln.Addr().String(), dripHead, 20 * time.Millisecond, time.Minute}, conns, func(time.Duration) error { told = true; return nil })
	if err != nil || r.Failed > 0 || !told {
		t.Fatalf("%+v %v", r, err)
	}
	if r.First < 400*time.Millisecond || r.First > r.P50 || r.P50 > r.Most || r.Bytes < conns {
		t.Errorf("%+v", r)
	}
	if err := srv.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A server that lets them be is found out.
func TestDripsThatAreNotCutOff(t *testing.T) {
	addr := listen(t, func(*fasthttp.RequestCtx) {})
	if r, err := drips(t.Context(), dripper{addr, dripBody, 10 * time.Millisecond, 200 * time.Millisecond}, 3, func(time.Duration) error { return nil }); err == nil {
		t.Errorf("%+v", r)
	}
}
