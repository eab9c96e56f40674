package replication

import (
	"net"
	"sync"
	"time"
)

// delayQueue bounds the writes under way on one delayed connection; a full queue blocks the writer.
const delayQueue = 256

// delayed holds each write back by a fixed time without holding back the writer: it adds latency, not
// a limit of throughput.
type delayed struct {
	net.Conn
	wait  time.Duration
	queue chan delayedWrite
	done  chan struct{}
	once  sync.Once

	mu  sync.Mutex
	err error
}

type delayedWrite struct {
	due  time.Time
	data []byte
}

func delay(c net.Conn, wait time.Duration) net.Conn {
	if wait <= 0 {
		return c
	}
	d := &delayed{Conn: c, wait: wait, queue: make(chan delayedWrite, delayQueue), done: make(chan struct{})}
	go d.run()
	return d
}

func (d *delayed) Write(p []byte) (int, error) {
	d.mu.Lock()
	err := d.err
	d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	select {
	case <-d.done:
		return 0, net.ErrClosed
	default:
	}
	w := delayedWrite{due: time.Now().Add(d.wait), data: append([]byte(nil), p...)}
	select {
	case d.queue <- w:
		return len(p), nil
	case <-d.done:
		return 0, net.ErrClosed
	}
}

func (d *delayed) run() {
	for {
		select {
		case w := <-d.queue:
			if !d.pause(time.Until(w.due)) {
				return
			}
			if _, err := d.Conn.Write(w.data); err != nil {
				d.mu.Lock()
				d.err = err
				d.mu.Unlock()
				d.Close()
				return
			}
		case <-d.done:
			return
		}
	}
}

func (d *delayed) pause(wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-d.done:
		return false
	}
}

func (d *delayed) Close() error {
	d.once.Do(func() { close(d.done) })
	return d.Conn.Close()
}
