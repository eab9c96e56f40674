package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"meridian/internal/objects"
	"meridian/internal/pause"
)

// Config configures a Shipper.
type Config struct {
	// Store and Prefix are where to; the prefix is empty or ends in a slash.
	Store  *objects.Store
	Prefix string
	Source Source
	// FlushEvery is how long an entry waits for company; default 250 ms.
	FlushEvery time.Duration
	// FullEvery is the time between full backups, FullBytes the log between them; default 5 h, 1 GiB: with four kept, what was erased in the shop is in no backup within a day.
	FullEvery time.Duration
	FullBytes int64
	// Keep is how many full backups of a timeline stay, with the log after the oldest; default 4.
	Keep int
	// MergeEvery is when small segments become one; default 1 minute.
	MergeEvery time.Duration
	// LagMax is when the log complains that entries are at risk for too long; default 1 s.
	LagMax time.Duration
	// Quiet is how long Alone watches the other timelines of the bucket; default 10 s.
	Quiet  time.Duration
	Logger *slog.Logger
}

const (
	segmentBytes = 4 << 20
	sampleEvery  = 25 * time.Millisecond
	retryEvery   = time.Second
)

func (c *Config) applyDefaults() {
	c.FlushEvery = cmp.Or(c.FlushEvery, 250*time.Millisecond)
	c.FullEvery = cmp.Or(c.FullEvery, 5*time.Hour)
	c.FullBytes = cmp.Or(c.FullBytes, 1<<30)
	c.Keep = cmp.Or(c.Keep, 4)
	c.MergeEvery = cmp.Or(c.MergeEvery, time.Minute)
	c.LagMax = cmp.Or(c.LagMax, time.Second)
	c.Quiet = cmp.Or(c.Quiet, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Shipper sends a node's state and log to the bucket while that node leads.
type Shipper struct {
	cfg    Config
	bucket *Bucket
	want   chan struct{} // holds a wish for a full backup now

	mu     sync.Mutex
	status Status
	safeAt time.Time // everything that was applied then is in the bucket
}

// Status is how the backup stands on this node. Only the leader's says something.
type Status struct {
	// Running: this node leads and sends.
	Running bool
	// Complete: a full backup and all of the log since are there.
	Complete bool
	// Shipped is the index up to which the bucket has the log.
	Shipped uint64
	// Lag is how long the oldest entry that is not in the bucket has been waiting, at most; LagMax the
	// largest since this node leads.
	Lag, LagMax time.Duration
	// FullRunning: a full backup is being written. LastFull is the newest, with the time it was taken.
	FullRunning bool
	LastFull    Manifest
	LastFullAt  time.Time
	// Failures counts what went wrong since the process started; Err is what does right now.
	Failures uint64
	Err      error
}

// New makes a Shipper; it does not connect.
func New(cfg Config) (*Shipper, error) {
	cfg.applyDefaults()
	switch {
	case cfg.FlushEvery > time.Second:
		return nil, errors.New("backup: a flush interval above 1s would put more than a second at risk")
	case cfg.Keep < 1 || cfg.FullEvery < time.Second || cfg.FullBytes < 1:
		return nil, errors.New("backup: keep at least one full backup, and take one at most every second")
	}
	return &Shipper{cfg: cfg, bucket: NewBucket(cfg.Store, cfg.Prefix), want: make(chan struct{}, 1)}, nil
}

// Bucket is where the shipper sends to.
func (s *Shipper) Bucket() *Bucket { return s.bucket }

// Take asks for a full backup now. It is begun soon; Status and the bucket say when it is there.
func (s *Shipper) Take() {
	select {
	case s.want <- struct{}{}:
	default: // one is asked for already
	}
}

// Status never waits.
func (s *Shipper) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.status
	if v.Running {
		if index := s.cfg.Source.Position().Index; index > v.Shipped || !v.Complete {
			v.Lag = time.Since(s.safeAt)
		}
		v.LagMax = max(v.LagMax, v.Lag)
	}
	return v
}

// Run sends until ctx ends: while this node leads. Whatever fails is tried again.
func (s *Shipper) Run(ctx context.Context) {
	s.mu.Lock()
	s.status = Status{Running: true, Failures: s.status.Failures}
	s.safeAt = time.Now()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.status.Running = false
		s.mu.Unlock()
	}()
	alarm := alarm{after: s.cfg.LagMax, log: s.cfg.Logger}
	var watch sync.WaitGroup
	watch.Go(func() {
		pause.Every(ctx, 4*sampleEvery, func() { alarm.see(s.Status()) })
	})
	defer watch.Wait()
	for ctx.Err() == nil {
		err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		s.failed(err)
		_ = pause.For(ctx, retryEvery)
	}
}

func (s *Shipper) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Err == nil || s.status.Err.Error() != err.Error() {
		s.cfg.Logger.Error("backup; it will be tried again", "error", err)
	}
	s.status.Err = err
	s.status.Failures++
}

// session finds out where the bucket stands and sends from there, until something fails that a look
// at the bucket may put right.
func (s *Shipper) session(ctx context.Context) error {
	if err := s.cfg.Store.EnsureBucket(ctx); err != nil {
		return err
	}
	at := s.cfg.Source.Position()
	if at.History == "" {
		return errors.New("this node's state has no history yet")
	}
	if err := s.bucket.claim(ctx, at); err != nil {
		return err
	}
	t, err := s.bucket.Timeline(ctx, at.Timeline)
	if err != nil {
		return err
	}
	end := t.End()
	if end > at.Index {
		return fmt.Errorf("%w: the bucket has timeline %d up to index %d and this cluster stands at %d: entries were lost here; restore from the bucket",
			ErrForeign, at.Timeline, end, at.Index)
	}
	v := &voyage{Shipper: s, layout: layout{s.cfg.Prefix, at.Timeline}, shipped: end}
	if len(t.Fulls) > 0 {
		newest := t.Fulls[len(t.Fulls)-1]
		v.lastFull = time.UnixMilli(newest.TimeMS)
		v.complete = true
		s.mu.Lock()
		s.status.LastFull, s.status.LastFullAt = newest, v.lastFull
		s.mu.Unlock()
	} else {
		v.restart(at.Index)
	}
	defer v.fulls.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return v.sail(ctx)
}

// alarm writes into the log when entries are at risk for longer than promised, and when that is over.
type alarm struct {
	after  time.Duration
	log    *slog.Logger
	behind bool
	told   time.Time
}

// tellAgain is how often a lag that lasts is repeated in the log.
const tellAgain = 30 * time.Second

func (a *alarm) see(v Status) {
	switch {
	case v.Running && v.Lag > a.after && (!a.behind || time.Since(a.told) > tellAgain):
		a.behind, a.told = true, time.Now()
		a.log.Error("backup lag: acknowledged writes of this time would be lost with every node; look at the S3 server", "lag", v.Lag.String(), "shipped", v.Shipped, "error", v.Err)
	case a.behind && v.Lag < a.after/2:
		a.behind = false
		a.log.Info("backup has caught up", "shipped", v.Shipped)
	}
}
