// Show serves the storybook on loopback: go run ./web/storybook/show [--addr 127.0.0.1:8190] [--assets DIR].
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"meridian/web/storybook"
)

func main() {
	log.SetFlags(0)
	addr := flag.String("addr", "127.0.0.1:8190", "loopback address to serve on")
	dir := flag.String("assets", "", "directory with pictures to show under /assets/ instead of drawn ones")
	flag.Parse()
	if err := serve(*addr, *dir); err != nil {
		log.Fatal("storybook: ", err)
	}
}

func serve(addr, dir string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--addr %s: %w; give a free loopback address", addr, err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = l.Close()
		return fmt.Errorf("--addr %s is not on loopback; give 127.0.0.1 or [::1] and a port", addr)
	}
	var assets http.Handler
	if dir != "" {
		assets = http.StripPrefix("/assets/", http.FileServer(http.Dir(dir)))
	}
	fmt.Printf("storybook at http://%s/\n", l.Addr())
	s := &http.Server{Handler: storybook.Handler(assets), ReadHeaderTimeout: 5 * time.Second}
	return s.Serve(l)
}
