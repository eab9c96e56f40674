package edge

import (
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
)

// exhausted is a listener that has run out of descriptors for a while.
type exhausted struct {
	net.Listener
	fails int
}

func (s *exhausted) Accept() (net.Conn, error) {
	if s.fails > 0 {
		s.fails--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// TestOutOfDescriptors: an edge that cannot accept for a while serves again afterwards.
func TestOutOfDescriptors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Config{ID: "edge-1", Region: "eu", Secret: []byte("0123456789abcdef"), Routes: newShopStub().routes(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.ln = &exhausted{ln, 3}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	resp, err := http.Get("http://" + ln.Addr().String() + "/nothing")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
