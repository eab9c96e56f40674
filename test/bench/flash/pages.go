package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"
)

// onlooker looks at a cached page on each edge, a hundred times a second, and notes how long it took.
type onlooker struct{ edges []string }

// watch looks while something goes on.
func (l *onlooker) watch(ctx context.Context, during func()) (took []time.Duration, err error) {
	client := &fasthttp.Client{MaxConnsPerHost: 16, ReadTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); during() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var failed []error
	for n := 0; ; n++ {
		select {
		case <-done:
			return took, errors.Join(append(failed, ctx.Err())...)
		case <-tick.C:
		}
		began := time.Now()
		status, _, err := client.Get(nil, l.edges[n%len(l.edges)]+"/products/"+besideHandle)
		if err == nil && status != 200 {
			err = fmt.Errorf("the page beside the sale: %d", status)
		}
		if err != nil && len(failed) < 5 {
			failed = append(failed, err)
		}
		took = append(took, time.Since(began))
	}
}
