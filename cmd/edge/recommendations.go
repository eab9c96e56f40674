package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"meridian/analytics"
	"meridian/api"
	"meridian/api/coreclient"
	"meridian/assets"
	"meridian/edge/recommender"
	"meridian/recommend"
)

// learnFrom is how far back recommendations look. In half a year every season's end has been seen; what weighs is the newest, see package recommend.
const learnFrom = 180 * 24 * time.Hour

// recommendations are the tables that this edge serves and, with ClickHouse, makes; nil without an S3 server.
func (o *options) recommendations(cores *coreclient.Client, clicks *analytics.Analytics, files *assets.Store, log *slog.Logger) *recommender.Recommender {
	if files == nil {
		return nil
	}
	cfg := recommender.Config{Edge: o.id, Core: &tables{cores: cores, edge: o.id}, Files: tableFiles{files}, Every: o.recommendEvery, Logger: log}
	if o.clickhouseURL != "" {
		cfg.Learn = func(ctx context.Context, version string) (*recommend.Model, error) {
			now := time.Now()
			return clicks.Tables(ctx, version, now.Add(-learnFrom), now.Add(time.Hour), recommend.Default(), recommend.DefaultOrders())
		}
	}
	return recommender.New(cfg)
}

// tables implements recommender.Core. A core that lags never takes it back to a table from before.
type tables struct {
	cores *coreclient.Client
	edge  string

	mu  sync.Mutex // guards min
	min api.Index
}

func (t *tables) Table(ctx context.Context) (api.RecommendationTable, error) {
	v, at, err := coreclient.Do(ctx, t.cores, api.RecommendationsGet, api.None{}, t.call())
	t.reached(at.Index)
	return v, err
}

func (t *tables) Publish(ctx context.Context, req api.PublishTable) (api.RecommendationTable, error) {
	v, at, err := coreclient.Do(ctx, t.cores, api.RecommendationsPublish, req, t.call())
	t.reached(at.Index)
	return v, err
}

func (t *tables) call() api.Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return api.Call{Edge: t.edge, Min: t.min}
}

func (t *tables) reached(at api.Index) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.min = api.Max(t.min, at)
}

// tableFiles implements recommender.Files.
type tableFiles struct{ store *assets.Store }

func (f tableFiles) Read(ctx context.Context, key string) ([]byte, error) {
	o, err := f.store.Get(ctx, key)
	return o.Body, err
}

func (f tableFiles) Write(ctx context.Context, key, contentType string, body []byte) error {
	return f.store.Put(ctx, key, contentType, body)
}

func (f tableFiles) Remove(ctx context.Context, key string) error { return f.store.Remove(ctx, key) }
