// Package recommender is an edge's part of the recommendations: it loads the table that the core calls the newest, keeps the old one
// until it has it, and, where it may, makes the next one when it is time. What is in a table is recommend's, and how it is made analytics'.
package recommender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"meridian/api"
	"meridian/recommend"
)

// Core says which table is the newest, and never an older one than it said before.
type Core interface {
	Table(ctx context.Context) (api.RecommendationTable, error)
	Publish(ctx context.Context, t api.PublishTable) (api.RecommendationTable, error)
}

// Files are where tables are kept.
type Files interface {
	Read(ctx context.Context, key string) ([]byte, error)
	Write(ctx context.Context, key, contentType string, body []byte) error
	Remove(ctx context.Context, key string) error
}

// Learn makes a table of what people have looked at. analytics.ErrNothingToLearn and the like are its own.
type Learn func(ctx context.Context, version string) (*recommend.Model, error)

// Config sets up a Recommender.
type Config struct {
	// Edge is who this is.
	Edge  string
	Core  Core
	Files Files
	// Learn makes tables; nil: this edge only serves those of others.
	Learn Learn
	// Every is how old a table gets before the next is made; 0: only on demand.
	Every time.Duration
	// Poll is how often the core is asked for the newest. Default 15 s.
	Poll time.Duration
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Bounds of the work.
const (
	pollDefault = 15 * time.Second
	askTimeout  = 10 * time.Second
	fileTimeout = 2 * time.Minute
	// retryLearn is how long after one that failed the next attempt to make a table comes, or Every if that is shorter.
	retryLearn = 5 * time.Minute
	// waitMost bounds the random wait before a table is made, so that edges do not all begin at once.
	waitMost = 30 * time.Second
)

// Recommender holds the table that this edge serves. A nil one has none.
type Recommender struct {
	cfg     Config
	model   atomic.Pointer[recommend.Model]
	demand  chan struct{}
	making  atomic.Bool
	problem atomic.Pointer[string] // why the last one that was to be made was not
	failing bool                   // of Run alone: the last load failed
	learnAt time.Time              // of Run alone: not before then
}

// New makes a Recommender without a table.
func New(cfg Config) *Recommender {
	if cfg.Poll <= 0 {
		cfg.Poll = pollDefault
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Recommender{cfg: cfg, demand: make(chan struct{}, 1)}
}

// Model is the table that is served, nil for none.
func (r *Recommender) Model() *recommend.Model {
	if r == nil {
		return nil
	}
	return r.model.Load()
}

// Age is how old the table is that is served, in seconds; -1 for none.
func (r *Recommender) Age() float64 {
	m := r.Model()
	if m == nil {
		return -1
	}
	return time.Since(m.Built()).Seconds()
}

// Run follows the newest table, and makes the next one when it is time, until ctx ends.
func (r *Recommender) Run(ctx context.Context) {
	if r == nil {
		return
	}
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		r.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-r.demand:
			r.follow(ctx, func(api.RecommendationTable) bool { return true })
		case <-tick.C:
		}
	}
}

// Demand asks for the next table now: Run makes it, see State.
func (r *Recommender) Demand() error {
	if r == nil || r.cfg.Learn == nil {
		return ErrCannot
	}
	select {
	case r.demand <- struct{}{}:
	default: // asked for already
	}
	return nil
}

// State is how far this edge is.
type State struct {
	// Version is what is served, "" for nothing; Products and Pairs are what is in it.
	Version         string
	Products, Pairs int
	// Making says that the next one is being made here, or will be at once, and Problem why the last one that was to be made was not.
	Making  bool
	Problem string
}

// State tells how far this edge is.
func (r *Recommender) State() (s State) {
	if r == nil {
		return s
	}
	if m := r.model.Load(); m != nil {
		s.Version, s.Products, s.Pairs = m.Version(), m.Len(), m.Pairs()
	}
	s.Making = r.making.Load() || len(r.demand) > 0
	if p := r.problem.Load(); p != nil {
		s.Problem = *p
	}
	return s
}

func (r *Recommender) round(ctx context.Context) {
	newest, err := r.newest(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.cfg.Logger.Debug("recommendations: the newest table is not known", "err", err)
		}
		return
	}
	if err := r.load(ctx, newest); err != nil && ctx.Err() == nil {
		if !r.failing {
			r.cfg.Logger.Warn("recommendations: the newest table cannot be read; the one before stays", "version", newest.Version, "err", err)
		}
		r.failing = true
	} else {
		r.failing = false
	}
	now := time.Now()
	if r.cfg.Learn == nil || r.cfg.Every <= 0 || now.Before(r.learnAt) || now.Sub(madeAt(newest)) < r.cfg.Every {
		return
	}
	if !wait(ctx, rand.N(min(waitMost, r.cfg.Every/10)+1)) {
		return
	}
	// Somebody else may have been faster.
	r.follow(ctx, func(newest api.RecommendationTable) bool { return time.Since(madeAt(newest)) >= r.cfg.Every })
}

// follow makes the table that follows the newest one, if that is due.
func (r *Recommender) follow(ctx context.Context, due func(newest api.RecommendationTable) bool) {
	r.making.Store(true)
	defer r.making.Store(false)
	newest, err := r.newest(ctx)
	if err == nil {
		if !due(newest) {
			return
		}
		err = r.make(ctx, newest)
	}
	r.problem.Store(nil)
	if err != nil {
		text := err.Error()
		r.problem.Store(&text)
		r.learnAt = time.Now().Add(min(retryLearn, r.cfg.Every))
		if ctx.Err() == nil {
			r.cfg.Logger.Info("recommendations: no new table", "err", err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// madeAt is when a table was made; never, where there is none.
func madeAt(t api.RecommendationTable) time.Time {
	at, err := time.Parse(time.RFC3339, t.MadeAt)
	if err != nil {
		return time.Time{}
	}
	return at
}

func (r *Recommender) newest(ctx context.Context) (api.RecommendationTable, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return r.cfg.Core.Table(ctx)
}

// load makes a table the one that is served, if it is another.
func (r *Recommender) load(ctx context.Context, t api.RecommendationTable) error {
	if m := r.model.Load(); t.Version == "" || m != nil && m.Version() == t.Version {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	body, err := r.cfg.Files.Read(ctx, t.Key)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.Key, err)
	}
	m, err := recommend.Parse(body)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Key, err)
	}
	if m.Version() != t.Version {
		return fmt.Errorf("%s holds version %q instead of %q", t.Key, m.Version(), t.Version)
	}
	r.model.Store(m)
	r.problem.Store(nil) // somebody else made it
	r.cfg.Logger.Info("recommendations: a table is served", "version", m.Version(), "products", m.Len(), "pairs", m.Pairs())
	return nil
}

// ErrCannot says that this edge makes no tables.
var ErrCannot = errors.New("recommender: this edge has no ClickHouse, or no S3 server")

// make makes the table that follows the newest one, publishes it and serves it.
func (r *Recommender) make(ctx context.Context, newest api.RecommendationTable) error {
	began := time.Now()
	version := began.UTC().Format("20060102T150405.000") + "-" + r.cfg.Edge
	if len(version) > 64 {
		version = version[:64]
	}
	m, err := r.cfg.Learn(ctx, version)
	if err != nil {
		return err
	}
	file, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	key := "recommendations/" + version
	if err := r.cfg.Files.Write(file, key, recommend.ContentType, m.Append(nil)); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	made, err := r.cfg.Core.Publish(ctx, api.PublishTable{Version: version, Key: key, Items: int64(m.Len()), Pairs: int64(m.Pairs()), Edge: r.cfg.Edge, After: newest.Version})
	if err != nil {
		if api.CodeOf(err) == api.CodeConflict { // nobody will ever ask for it; after other errors somebody may
			_ = r.cfg.Files.Remove(file, key)
		}
		return err
	}
	r.model.Store(m)
	r.cfg.Logger.Info("recommendations: made a table", "version", version, "products", m.Len(), "pairs", m.Pairs(), "ms", time.Since(began).Milliseconds())
	for _, old := range made.Gone {
		if err := r.cfg.Files.Remove(file, old); err != nil {
			r.cfg.Logger.Warn("recommendations: an old table stays", "file", old, "err", err)
		}
	}
	return nil
}
