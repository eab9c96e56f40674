package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"meridian/edge"
	"meridian/internal/flagenv"
	"meridian/internal/handover"
)

const (
	// readyWithin is how long a successor waits for the cores before it gives up and leaves all as it is.
	readyWithin = 30 * time.Second
	// drainGrace is how long connections may rest before they are cut off: their next answer would have told
	// them to end.
	drainGrace = 5 * time.Second
)

// predecessor is the edge whose place this one takes; nothing in it, if there is none.
type predecessor struct{ *handover.Taken }

func (o *options) succeed(ctx context.Context, log *slog.Logger) (predecessor, error) {
	if o.handover == "" {
		return predecessor{}, nil
	}
	t, err := handover.Take(ctx, o.handover, o.id)
	if err != nil {
		return predecessor{}, flagenv.Errorf("handover", "%v", err)
	}
	if t != nil {
		log.Info("an edge runs: this one takes its place", "handover", o.handover)
	}
	return predecessor{t}, nil
}

func (p predecessor) there() bool { return p.Taken != nil }

func (p predecessor) sockets() map[string]net.Listener {
	if !p.there() {
		return nil
	}
	return p.Listeners
}

// yields makes the running edge let go of the feed's acknowledgements once this one could answer.
func (p predecessor) yields(ctx context.Context, server *edge.Server) error {
	if !p.there() {
		return nil
	}
	for end := time.Now().Add(readyWithin); ; time.Sleep(10 * time.Millisecond) {
		err := server.Ready()
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return fmt.Errorf("this edge was not ready within %v, and the running one goes on: %w", readyWithin, errors.Join(err, ctx.Err()))
		}
	}
	if err := p.Ready(); err != nil {
		return err
	}
	return server.Succeed(ctx)
}

// goes lets the running edge end. If it has ended already, nothing is lost.
func (p predecessor) goes(log *slog.Logger) {
	if !p.there() {
		return
	}
	if err := p.Serving(); err != nil {
		log.Warn("the running edge may not have heard that this one serves", "err", err)
	}
}

func (p predecessor) close() {
	if p.there() {
		_ = p.Close()
	}
}

// offering is the offer to a successor; nothing in it, if none was asked for.
type offering struct{ *handover.Offer }

// offer prepares the offer. It is made before the running edge is asked for anything: an edge that could not be
// replaced must not replace another.
func (o *options) offer(server *edge.Server, log *slog.Logger) (offering, error) {
	if o.handover == "" {
		return offering{}, nil
	}
	f, err := handover.New(handover.Config{Path: o.handover, Name: o.id, Sockets: server.Sockets(), Yield: server.Yield, Resume: server.Resume, Logger: log})
	if err != nil {
		return offering{}, flagenv.Errorf("handover", "%v", err)
	}
	return offering{f}, nil
}

// open makes the offer. By then this edge is the only one that serves, and it goes on in any case.
func (o offering) open(log *slog.Logger) {
	if o.Offer == nil {
		return
	}
	if err := o.Open(); err != nil {
		log.Error("this edge serves, but no successor can take its place: stop it before the next one starts", "err", err)
	}
}

func (o offering) taken() <-chan struct{} {
	if o.Offer == nil {
		return nil
	}
	return o.Taken()
}

func (o offering) close() error {
	if o.Offer == nil {
		return nil
	}
	return o.Close()
}
