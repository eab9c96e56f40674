package coreclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// framer gathers the quick writes that wait for one node into frames. It clocks itself: a write that
// finds a free slot leaves at once, those that come while all slots are taken leave together.
type framer struct {
	node *node

	mu     sync.Mutex // guards queue, flying
	queue  []*waiting
	flying int
}

// waiting is a write in the queue or in a frame. done gets exactly one outcome.
type waiting struct {
	k        *outgoing
	deadline time.Time
	done     chan outcome
	taken    bool // under framer.mu: a frame has it
}

type outcome struct {
	reply reply
	err   error
}

var errQueueFull = errors.New("too many writes wait for a frame")

// errOverloaded turns a full queue into the answer for it, and anything else into nil.
func errOverloaded(err error) error {
	if !errors.Is(err, errQueueFull) {
		return nil
	}
	return api.NewError(api.CodeOverloaded, "Too many people are doing this right now. Try again in a moment.").WithCause(err)
}

func (f *framer) do(ctx context.Context, k *outgoing) (reply, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(f.node.cfg.WriteTimeout)
	}
	w := &waiting{k: k, deadline: deadline, done: make(chan outcome, 1)}
	f.mu.Lock()
	if len(f.queue) >= f.node.cfg.Queue {
		f.mu.Unlock()
		return reply{}, fmt.Errorf("%w: %w", errNotSent, errQueueFull)
	}
	f.queue = append(f.queue, w)
	start := f.flying < f.node.cfg.FramesInFlight
	if start {
		f.flying++
	}
	f.mu.Unlock()
	if start {
		go f.fly()
	}
	select {
	case o := <-w.done:
		return o.reply, o.err
	case <-ctx.Done():
		if f.withdraw(w) {
			return reply{}, fmt.Errorf("%w: %w", errNotSent, ctx.Err())
		}
		return reply{}, fmt.Errorf("%s at %s: %w", k.name, f.node.ID, ctx.Err())
	}
}

// withdraw takes a write out of the queue and reports whether no frame had it.
func (f *framer) withdraw(w *waiting) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.taken {
		return false
	}
	for i, q := range f.queue {
		if q == w {
			f.queue = append(f.queue[:i], f.queue[i+1:]...)
			break
		}
	}
	return true
}

// fly sends frames until nothing waits.
func (f *framer) fly() {
	for {
		batch := f.take()
		if len(batch) == 0 {
			return
		}
		f.deliver(batch)
	}
}

func (f *framer) take() []*waiting {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(f.queue), f.node.cfg.FrameCalls)
	if n == 0 {
		f.flying--
		return nil
	}
	batch := append([]*waiting(nil), f.queue[:n]...)
	rest := copy(f.queue, f.queue[n:])
	clear(f.queue[rest:])
	f.queue = f.queue[:rest]
	for _, w := range batch {
		w.taken = true
	}
	return batch
}

// deliver sends one frame and hands every write its own result. A write that is alone needs no frame,
// unless it has a compact form: that is shorter, and read in a fraction of the time.
func (f *framer) deliver(batch []*waiting) {
	ctx, cancel := context.WithDeadline(context.Background(), latest(batch))
	defer cancel()
	if len(batch) == 1 && batch[0].k.compact == nil {
		r, err := f.node.post(ctx, batch[0].k)
		batch[0].done <- outcome{r, err}
		return
	}
	results, err := f.send(ctx, batch)
	for i, w := range batch {
		if err != nil {
			w.done <- outcome{err: err}
			continue
		}
		r := results[i]
		w.done <- outcome{reply: reply{status: r.Status, index: r.Index, replay: r.Replay, compact: r.Compact, leader: r.Leader, body: r.Body}}
	}
}

func (f *framer) send(ctx context.Context, batch []*waiting) ([]api.FrameResult, error) {
	now := time.Now()
	frame := api.Frame{Calls: make([]api.FrameCall, len(batch))}
	for i, w := range batch {
		frame.Calls[i] = api.FrameCall{Name: w.k.name, Key: w.k.call.Key, Credential: w.k.call.Credential,
			RequestID: w.k.call.RequestID, DeadlineMS: max(1, w.deadline.Sub(now).Milliseconds()), Body: string(w.k.body)}
		if w.k.compact != nil {
			frame.Calls[i].Compact, frame.Calls[i].Body = true, string(w.k.compact.AppendCompact(nil))
		}
	}
	r, err := f.node.exchange(ctx, "frame", false, f.node.attempt(false), frame.Append(nil), func(h *fasthttp.RequestHeader) {
		h.SetContentType(api.FrameType)
		h.Set(HeaderEdge, f.node.cfg.Edge)
	})
	if err != nil {
		return nil, err
	}
	return r.results(len(batch))
}

// results are the answers to a frame of calls.
func (r reply) results(calls int) ([]api.FrameResult, error) {
	if r.status != fasthttp.StatusOK {
		// The frame as a whole was refused: every call of it gets that answer.
		return slices.Repeat([]api.FrameResult{{Status: r.status, Index: r.index, Leader: r.leader, Body: r.body}}, calls), nil
	}
	out, err := api.ParseFrameResults(r.body, calls)
	if err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	return out.Results, nil
}

func latest(batch []*waiting) time.Time {
	t := batch[0].deadline
	for _, w := range batch[1:] {
		if w.deadline.After(t) {
			t = w.deadline
		}
	}
	return t
}
