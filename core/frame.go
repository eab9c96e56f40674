package core

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// groupBytes bounds the commands of a frame that enter the log together; the rest of a large frame
// follows as the next group.
const groupBytes = 32 << 10

// frame answers many calls at once. Adjustments of stock enter the log as one group. The others run
// side by side: one that waits does not hold the others' place in the log.
func (srv *Server) frame(ctx *fasthttp.RequestCtx) {
	f, ok := srv.parseFrame(ctx)
	if !ok {
		return
	}
	out := api.FrameResults{Results: make([]api.FrameResult, len(f.Calls))}
	var wg sync.WaitGroup
	adjustments := make([]int, 0, len(f.Calls))
	for i := range f.Calls {
		if f.Calls[i].Compact && f.Calls[i].Name == api.StockAdjust.Name {
			adjustments = append(adjustments, i)
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			out.Results[i] = srv.frameCall(f.Calls[i])
		}()
	}
	if len(adjustments) > 0 {
		srv.adjustAll(f.Calls, adjustments, out.Results)
	}
	wg.Wait()
	srv.send(ctx, 200, api.FrameType, out.Append(make([]byte, 0, 64*len(f.Calls))), reply{index: srv.service.m.Index()})
}

// parseFrame reads a frame, or answers why it cannot be read.
func (srv *Server) parseFrame(ctx *fasthttp.RequestCtx) (f api.Frame, ok bool) {
	f, err := api.ParseFrame(string(ctx.PostBody()), maxFrameCalls)
	if err != nil {
		srv.problem(ctx, api.NewError(api.CodeMalformed, "The frame could not be read: %v.", err).WithCause(err), reply{})
		return f, false
	}
	if len(f.Calls) == 0 {
		srv.problem(ctx, api.Invalid("calls", "A frame holds 1 to %d calls.", maxFrameCalls), reply{})
		return f, false
	}
	return f, true
}

// reads answers a frame of reads, one after the other: they are short, and wait for nobody.
func (srv *Server) reads(ctx *fasthttp.RequestCtx) {
	f, ok := srv.parseFrame(ctx)
	if !ok {
		return
	}
	from, err := api.ParseIndex(string(ctx.Request.Header.Peek(api.HeaderMin)))
	if err != nil {
		srv.problem(ctx, api.Invalid(api.HeaderMin, "%v", err), reply{})
		return
	}
	for _, c := range f.Calls {
		if !srv.service.reads(c.Name) || srv.admission.of(c.Name) != srv.admission.quick {
			srv.problem(ctx, api.Invalid("calls", "%q is no read; send it alone or in a frame.", c.Name), reply{})
			return
		}
	}
	// Once for all of them: a node that is behind must not let each wait in turn before another one is asked.
	wait, cancel := context.WithTimeout(context.Background(), waitOf(ctx.Request.Header.Peek(api.HeaderDeadline)))
	defer cancel()
	if err := srv.service.reach(wait, from); err != nil {
		srv.problem(ctx, srv.explain(err, api.ReadFrame, string(ctx.Request.Header.Peek(api.HeaderRequestID))), reply{})
		return
	}
	out := api.FrameResults{Results: make([]api.FrameResult, len(f.Calls))}
	lowest := api.Index{}
	for i, c := range f.Calls {
		out.Results[i] = srv.frameCall(c)
		if at := out.Results[i].Index; lowest.IsZero() || api.Max(lowest, at) == lowest {
			lowest = at
		}
	}
	srv.send(ctx, 200, api.FrameType, out.Append(make([]byte, 0, 64*len(f.Calls))), reply{index: lowest})
}

// adjustAll answers the calls at the given places.
func (srv *Server) adjustAll(calls []api.FrameCall, places []int, results []api.FrameResult) {
	s := srv.service
	leading := s.log.Leading()
	var wait int64
	var who call // of the calls before: a frame's calls mostly come from one principal
	var unknown error
	size := min(groupBytes, 96*len(places)) // about what they need
	slab := make([]byte, 0, size)
	commands, waiting := make([][]byte, 0, len(places)), make([]int, 0, len(places))
	flush := func() {
		if len(commands) == 0 {
			return
		}
		srv.adjustGroup(wait, commands, waiting, calls, results)
		slab, commands, waiting, wait = make([]byte, 0, size), nil, nil, 0
	}
	for _, i := range places {
		k := &calls[i]
		if k.Credential != who.Credential || i == places[0] {
			who = call{Call: api.Call{Credential: k.Credential}, name: k.Name}
			unknown = s.identify(&who)
		}
		c := who
		c.Key, c.RequestID = k.Key, k.RequestID
		var req api.AdjustStock
		a, err := adjustment{}, error(nil)
		switch {
		case !leading:
			err = s.notLeader()
		case unknown != nil:
			err = unknown
		case len(k.Key) > maxKeyBytes:
			err = keyTooLong()
		default:
			if err = req.ParseCompact(k.Body); err != nil {
				err = api.NewError(api.CodeMalformed, "The request could not be read.").WithCause(err)
			} else {
				a, err = s.adjustment(&c, &req)
			}
		}
		if err != nil {
			results[i] = srv.refused(k, err, reply{})
			continue
		}
		from := len(slab)
		slab = appendAdjust(slab, &a)
		commands = append(commands, slab[from:len(slab):len(slab)])
		waiting = append(waiting, i)
		wait = max(wait, k.DeadlineMS)
		if len(slab) >= groupBytes-1024 {
			flush()
		}
	}
	flush()
}

func (srv *Server) adjustGroup(waitMS int64, commands [][]byte, places []int, calls []api.FrameCall, results []api.FrameResult) {
	wait := defaultWait
	if waitMS > 0 {
		wait = min(time.Duration(waitMS)*time.Millisecond, maxWait)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	values, err := srv.service.log.ProposeAll(ctx, commands)
	if err != nil {
		for _, i := range places {
			results[i] = srv.refused(&calls[i], err, reply{})
		}
		return
	}
	timeline := srv.service.m.timeline()
	bodies := make([]byte, 0, 48*len(values))
	ends := make([]int, len(values))
	for n, i := range places {
		ends[n] = len(bodies)
		r, ok := values[n].(*adjustResult)
		if !ok {
			results[i] = srv.refused(&calls[i], appliedBefore(), reply{})
			continue
		}
		at := api.Index{Timeline: timeline, Raft: r.at}
		if refusal := r.refusal(); refusal != nil {
			results[i] = srv.refused(&calls[i], refusal, reply{index: at, replay: r.replay})
			continue
		}
		bodies = r.level(timeline).AppendCompact(bodies)
		ends[n] = len(bodies)
		results[i] = api.FrameResult{Status: 200, Index: at, Replay: r.replay, Compact: true}
	}
	from := 0
	for n, i := range places {
		if results[i].Compact {
			results[i].Body = bodies[from:ends[n]]
		}
		from = ends[n]
	}
}

// refused is the result of a call that ended with an error.
func (srv *Server) refused(k *api.FrameCall, err error, r reply) api.FrameResult {
	e := srv.explain(err, k.Name, k.RequestID)
	raw, _ := json.Marshal(e)
	out := api.FrameResult{Status: e.Status, Index: r.index, Replay: r.replay, Body: raw}
	if e.Status == 421 {
		out.Leader = srv.service.log.Leader()
	}
	return out
}

func (srv *Server) frameCall(c api.FrameCall) (out api.FrameResult) {
	defer func() {
		if p := recover(); p != nil {
			srv.log.Error("panic while answering", "endpoint", c.Name, "panic", fmt.Sprint(p))
			raw, _ := json.Marshal(api.Internal(nil))
			out = api.FrameResult{Status: 500, Body: raw}
		}
	}()
	if c.Compact {
		return srv.refused(&c, api.NewError(api.CodeMalformed, "The endpoint %q has no compact form.", c.Name), reply{})
	}
	wait := defaultWait
	if c.DeadlineMS > 0 {
		wait = min(time.Duration(c.DeadlineMS)*time.Millisecond, maxWait)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	r, err := srv.service.Serve(ctx, c.Name, api.Call{Key: c.Key, Credential: c.Credential, RequestID: c.RequestID}, []byte(c.Body))
	var raw []byte
	if err == nil {
		raw, err = r.json()
	}
	if err != nil {
		return srv.refused(&c, err, r)
	}
	return api.FrameResult{Status: r.status, Index: r.index, Replay: r.replay, Body: raw}
}
