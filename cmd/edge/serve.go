package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/analytics"
	"meridian/api"
	"meridian/api/coreclient"
	"meridian/edge"
	"meridian/edge/waiting"
	"meridian/internal/flagenv"
	"meridian/internal/nodetls"
)

// serve runs an edge until ctx ends. What is opened first is closed last: the server drains while
// the cores and the spool are still there for the requests it answers, the outbox stops before the
// clickstream it writes to, and the client of the cores goes last, since everything calls them.
func serve(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(o.logLevel)
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("edge", o.id, "region", o.region)
	closing := func(what string, f func() error) {
		if e := f(); e != nil {
			err = errors.Join(err, fmt.Errorf("close %s: %w", what, e))
		}
	}

	identity, err := o.secure(log)
	if err != nil {
		return err
	}
	running, err := o.succeed(ctx, log)
	if err != nil {
		return err
	}
	defer running.close()
	cc := coreclient.Config{Nodes: o.cores, Region: o.region, Token: o.token, Edge: o.id, RTT: o.distance, Logger: log}
	if identity != nil {
		cc.TLS = func(id string) *tls.Config {
			return identity.Client(nodetls.ProtocolHTTP, nodetls.Identity{Role: nodetls.RoleCore, Name: id})
		}
		defer identity.KeepFresh(o.tls.RenewAt)()
	}
	cores, err := coreclient.New(cc)
	if err != nil {
		return flagenv.Errorf("cores", "%v", err)
	}
	defer closing("the client of the cores", cores.Close)

	spool := o.analytics(log)
	spool.Successor = running.there()
	clicks, err := analytics.Open(spool)
	if err != nil {
		return flagenv.Errorf("spool", "%v", err)
	}
	defer closing("the clickstream", clicks.Close)
	stopOutbox := inBackground(ctx, func(ctx context.Context) { clicks.RunOutbox(ctx, outbox{cores, o.id}) })
	defer stopOutbox()
	stopErasures := inBackground(ctx, func(ctx context.Context) { clicks.RunErasures(ctx, erasures{cores, o.id}) })
	defer stopErasures()

	store, err := o.files(ctx, log)
	if err != nil {
		return flagenv.Errorf("s3-endpoint", "%v", err)
	}
	var files edge.Files
	if store != nil {
		files = edge.Pictures{Store: store}
		defer closing("the files", store.Close)
	}
	tables := o.recommendations(cores, clicks, store, log)
	stopTables := inBackground(ctx, tables.Run)
	defer stopTables()
	rooms := waiting.New(waiting.Config{Core: waiting.Cores{Client: cores, Edge: o.id}, Secret: o.cookieSecret, Logger: log})
	stopRooms := inBackground(ctx, rooms.Run)
	defer stopRooms()
	shop := edge.NewShop(o.shop(cores, clicks, files, rooms, tables, log))

	registry := prometheus.NewRegistry()
	if err := registry.Register(clickstreamMetrics{clicks}); err != nil {
		return fmt.Errorf("metrics of the clickstream: %w", err)
	}
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "meridian_edge_hedged_reads_total", Help: "Reads that were late and asked of a second core."},
		func() float64 { return float64(cores.Hedged()) }))
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_edge_recommendations_age_seconds", Help: "Age of the table of recommendations that is served; -1: none."}, tables.Age))
	if identity != nil {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_tls_certificate_expires_seconds", Help: "Unix time at which this node's certificate ends."},
			func() float64 { return float64(identity.Expires().Unix()) }))
	}
	cfg := o.server(log)
	cfg.Routes, cfg.ErrorPage, cfg.Registry = shop.Routes(), shop.ErrorPage, registry
	cfg.Feed = edge.CoreFeed{Client: cores, Edge: o.id, Region: o.region}
	cfg.Cores = cores.Healthy
	cfg.Inherited = running.sockets()
	certs, err := o.https.open(log)
	if err != nil {
		return err
	}
	defer certs.close()
	if cfg.HTTPS, err = certs.listener(registry); err != nil {
		return err
	}
	server, err := edge.NewServer(cfg)
	if err != nil {
		return &flagenv.UsageError{Setting: "configuration", Want: err.Error()}
	}
	if err := server.Listen(); err != nil {
		return &flagenv.UsageError{Setting: "configuration", Want: err.Error()}
	}
	offer, err := o.offer(server, log)
	if err != nil {
		closing("the server", server.Close)
		return err
	}
	if err := certs.start(server); err != nil {
		closing("the offer", offer.close)
		closing("the server", server.Close)
		return err
	}
	if err := running.yields(ctx, server); err != nil {
		closing("the offer", offer.close)
		closing("the server", server.Close)
		return err
	}
	stopReloads := o.reloads(ctx, args, server, level, log)
	defer stopReloads()
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	log.Info("the edge answers", "addr", server.Addr(), "https", server.HTTPSAddr(), "ops", server.OpsAddr(), "cores", len(o.cores))
	running.goes(log)
	offer.open(log)
	select {
	case <-ctx.Done():
		log.Info("the edge stops: running requests end first")
		closing("the offer", offer.close)
		closing("the server", server.Close)
		return errors.Join(err, <-served)
	case <-offer.taken():
		log.Info("a successor serves: this edge answers what it has begun, and ends")
		closing("the listeners", func() error { return server.Drain(drainGrace) })
		closing("the offer", offer.close)
		closing("the server", server.Close)
		return errors.Join(err, <-served)
	case failed := <-served:
		closing("the offer", offer.close)
		closing("the server", server.Close)
		return errors.Join(err, failed)
	}
}

// inBackground runs something until stop is called, which waits for its end.
func inBackground(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// outbox is the cores' outbox as the clickstream reads it. All edges are one consumer: whichever
// comes first delivers a slice, and a slice delivered twice has the same token.
type outbox struct {
	cores *coreclient.Client
	edge  string
}

var _ analytics.OutboxSource = outbox{}

const (
	outboxConsumer = "analytics"
	outboxSlice    = 500
)

// Next implements analytics.OutboxSource.
func (o outbox) Next(ctx context.Context) (api.OutboxSlice, error) {
	slice, _, err := coreclient.Do(ctx, o.cores, api.OutboxNext, api.OutboxQuery{Consumer: outboxConsumer, Max: outboxSlice}, api.Call{Edge: o.edge})
	return slice, err
}

// Done implements analytics.OutboxSource.
func (o outbox) Done(ctx context.Context, slice uint64) error {
	_, _, err := coreclient.Do(ctx, o.cores, api.OutboxDone, api.OutboxAck{Consumer: outboxConsumer, Slice: slice}, api.Call{Edge: o.edge})
	return err
}

// erasures are the cores' list of what people want gone.
type erasures struct {
	cores *coreclient.Client
	edge  string
}

var _ analytics.ErasureSource = erasures{}

// Erasures implements analytics.ErasureSource.
func (e erasures) Erasures(ctx context.Context, after uint64) (api.ErasurePage, error) {
	page, _, err := coreclient.Do(ctx, e.cores, api.ErasuresList, api.ErasuresQuery{After: after}, api.Call{Edge: e.edge})
	return page, err
}

// clickstreamMetrics shows the clickstream's counters to Prometheus.
type clickstreamMetrics struct{ clicks *analytics.Analytics }

// Describe implements prometheus.Collector. It names nothing: what Collect gives is checked as it comes.
func (clickstreamMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m clickstreamMetrics) Collect(out chan<- prometheus.Metric) {
	s := m.clicks.Stats()
	send := func(kind prometheus.ValueType, name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("meridian_edge_clickstream_"+name, help, nil, nil), kind, v)
	}
	count := func(name, help string, v int64) { send(prometheus.CounterValue, name, help, float64(v)) }
	gauge := func(name, help string, v float64) { send(prometheus.GaugeValue, name, help, v) }
	count("accepted_total", "Events synced to the spool.", s.Accepted)
	count("repeats_total", "Events dropped because their id was stored a moment ago.", s.Repeats)
	count("bots_total", "Events of programs.", s.Bots)
	count("invalid_batches_total", "Batches refused as not well formed.", s.Invalid)
	count("dropped_impressions_total", "Impressions given up for lack of space.", s.DroppedImpressions)
	count("dropped_views_total", "Views given up for lack of space.", s.DroppedViews)
	count("refused_total", "Events refused for lack of space.", s.Refused)
	count("delivered_rows_total", "Events that ClickHouse acknowledged.", s.DeliveredRows)
	count("delivered_batches_total", "Batches that ClickHouse acknowledged.", s.DeliveredBatch)
	count("retries_total", "Failed attempts to reach ClickHouse.", s.Retries)
	count("outbox_entries_total", "Outbox entries that ClickHouse acknowledged.", s.OutboxEntries)
	gauge("spool_bytes", "Bytes that wait for delivery.", float64(s.SpoolBytes))
	gauge("spool_segments", "Sealed batches that wait for delivery.", float64(s.SpoolSegments))
	gauge("dead_batches", "Batches set aside since the start.", float64(s.DeadBatches))
	gauge("erasures_waiting", "Erasures that ClickHouse has not carried out.", float64(s.ErasuresWaiting))
	age := 0.0
	if !s.ErasureOldest.IsZero() {
		age = time.Since(s.ErasureOldest).Seconds()
	}
	gauge("erasure_age_seconds", "Since when the oldest of them waits; 0 without any.", age)
	connected := 0.0
	if s.Connected {
		connected = 1
	}
	gauge("connected", "Whether ClickHouse answers.", connected)
	if !s.LastDelivery.IsZero() {
		gauge("last_delivery_seconds", "Unix time of the last delivery.", float64(s.LastDelivery.UnixMilli())/float64(time.Second/time.Millisecond))
	}
}
