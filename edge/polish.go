package edge

import (
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A fill compresses quickly, since somebody waits for it. What is asked for again is compressed once more, well.
const (
	polishQueue = 256
	// polishRest is for how many times as long as it works the polisher rests: it takes a tenth of a processor.
	polishRest = 9
)

// The qualities. On a product page of 25 kB brotli 11 saves a seventh over 5, and holds a processor for 68 ms instead of
// 1.1: on an edge that has one, everybody waits for that.
const (
	quickGzip  = gzip.BestSpeed
	goodGzip   = 6
	goodBrotli = 5
)

// polisher compresses entries well, one after the other.
type polisher struct {
	queue chan *entry
	stop  chan struct{}
	runs  sync.WaitGroup
	log   *slog.Logger
}

func newPolisher(log *slog.Logger) *polisher {
	return &polisher{queue: make(chan *entry, polishQueue), stop: make(chan struct{}), log: log}
}

func (p *polisher) start() { p.runs.Go(p.run) }

// ask queues an entry, unless it was asked for before. When the queue is full, the next hit asks again.
func (p *polisher) ask(e *entry) {
	if !e.asked.CompareAndSwap(false, true) {
		return
	}
	select {
	case p.queue <- e:
	default:
		e.asked.Store(false)
	}
}

func (p *polisher) run() {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-rest.C:
		}
		select {
		case <-p.stop:
			return
		case e := <-p.queue:
			start := time.Now()
			p.polish(e)
			rest.Reset(polishRest * time.Since(start))
		}
	}
}

func (p *polisher) polish(e *entry) {
	better, err := encode(e.variants[0].body, goodBrotli, goodGzip)
	if err != nil {
		p.log.Error("compress", "key", e.key, "error", err)
		return
	}
	e.better.Store(&better)
}

func (p *polisher) close() {
	close(p.stop)
	p.runs.Wait()
}
