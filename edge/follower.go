package edge

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
)

// CoreFeed is the Feed of a cluster of cores.
type CoreFeed struct {
	Client *coreclient.Client
	// Edge and Region are the id and region that leases and acknowledgements name.
	Edge, Region string
}

var _ Feed = CoreFeed{}

// Follow implements Feed.
func (f CoreFeed) Follow(ctx context.Context, cursor api.Index, fn func(b api.FeedBatch, took time.Duration)) {
	f.Client.Follow(ctx, f.Edge, f.Region, cursor, fn)
}

// Ack implements Feed.
func (f CoreFeed) Ack(ctx context.Context, cursor api.Index) error {
	_, _, err := coreclient.Do(ctx, f.Client, api.EdgesAck, api.EdgeAck{Edge: f.Edge, Cursor: cursor}, api.Call{Edge: f.Edge})
	return err
}

// Renew implements Feed.
func (f CoreFeed) Renew(ctx context.Context, cursor api.Index) (api.Index, error) {
	_, meta, err := coreclient.Do(ctx, f.Client, api.EdgesRenew, api.EdgeRenew{Edge: f.Edge, Region: f.Region, Cursor: cursor}, api.Call{Edge: f.Edge})
	return meta.Index, err
}

// renewEvery is how often the lease is renewed: twice may fail before the core counts it out.
const renewEvery = time.Second

// follower applies the change feed to the epochs, keeps the lease and acknowledges purges.
type follower struct {
	epochs  *epochs
	feed    Feed
	metrics *metrics
	log     *slog.Logger
	acks    chan api.Index // holds the newest position to acknowledge, at most one
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup

	leaving context.CancelFunc // ends what join began
	joined  sync.WaitGroup
}

func newFollower(e *epochs, feed Feed, m *metrics, log *slog.Logger) *follower {
	f := &follower{epochs: e, feed: feed, metrics: m, log: log, acks: make(chan api.Index, 1)}
	f.ctx, f.stop = context.WithCancel(context.Background())
	e.needLease()
	return f
}

func (f *follower) start() {
	f.watch()
	f.join()
}

// watch follows the feed.
func (f *follower) watch() {
	f.wg.Go(func() { f.feed.Follow(f.ctx, api.Index{}, f.apply) })
}

// join makes purges wait for this process, until leave. Of all processes with one id only one may have joined:
// what one acknowledges, the core takes as known to the other.
func (f *follower) join() {
	var ctx context.Context
	ctx, f.leaving = context.WithCancel(f.ctx)
	f.joined.Go(func() { f.renew(ctx) })
	f.joined.Go(func() { f.acknowledge(ctx) })
}

// leave returns when nothing more is acknowledged.
func (f *follower) leave() {
	if f.leaving != nil {
		f.leaving()
		f.joined.Wait()
	}
}

func (f *follower) close() {
	f.stop()
	f.joined.Wait()
	f.wg.Wait()
}

// apply runs on the feed's goroutine. An acknowledgement leaves only after the batch is applied.
func (f *follower) apply(b api.FeedBatch, took time.Duration) {
	f.epochs.apply(b, time.Now().Add(-took))
	f.metrics.feed(b)
	for _, e := range b.Entries {
		if e.Ack {
			f.owe(b.Next)
			return
		}
	}
}

// owe leaves a position for the acknowledging goroutine; a newer one covers an older.
func (f *follower) owe(at api.Index) {
	select {
	case <-f.acks:
	default:
	}
	f.acks <- at
}

// acknowledge keeps telling the leader until it has heard: a purge waits for it.
func (f *follower) acknowledge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-f.acks:
			f.tell(ctx, at)
		}
	}
}

func (f *follower) tell(ctx context.Context, at api.Index) {
	for try := 0; try < 5; try++ {
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := f.feed.Ack(short, at)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		f.log.Warn("a purge could not be acknowledged", "cursor", at.String(), "err", err)
		if len(f.acks) > 0 {
			return // a newer position covers this one
		}
	}
}

// renew keeps the lease. It counts from the moment the request left.
func (f *follower) renew(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		sent := time.Now()
		short, cancel := context.WithTimeout(ctx, renewEvery)
		index, err := f.feed.Renew(short, f.epochs.position())
		cancel()
		if err == nil {
			f.epochs.renewed(index, sent, time.Now())
		} else if ctx.Err() == nil {
			f.log.Debug("the lease was not renewed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
