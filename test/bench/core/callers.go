package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"meridian/api"
)

// patience is how long a command waits before its outcome is called unknown, as an edge has it.
const patience = 6 * time.Second

// triesMax bounds how often one request is repeated.
const triesMax = 200

// connect gives a client of the node that leads.
func (c *cores) connect(o op) (client, error) {
	p := &caller{cores: c, patience: patience}
	if err := p.redial(); err != nil {
		return nil, err
	}
	switch o {
	case opAdjust:
		return p, nil
	case opExact:
		return &reader{caller: p, endpoint: api.StockGet.Name}, nil
	case opMemory:
		return &reader{caller: p, endpoint: api.StockSeen.Name}, nil
	case opCheckout:
		return &shopper{caller: p, seed: rand.Uint64()}, nil
	}
	return nil, fmt.Errorf("cores know no %s", o)
}

// caller sends commands to the leader in frames, as edges do, also when it has one only. What is
// unknown or refused for the moment is sent again under its key until it is known.
type caller struct {
	cores    *cores
	wire     *wire
	patience time.Duration
	repeats  int

	calls  []api.FrameCall
	keys   [][]byte
	bodies [][]byte
	arena  []byte
	frame  []byte
	open   []int // the commands whose outcome is not known yet
}

func (p *caller) redial() error {
	if p.wire != nil {
		p.wire.close()
		if err := p.cores.seek(); err != nil {
			return err
		}
	}
	w, err := dialWire(p.cores.leader().api, p.patience)
	if err != nil {
		return err
	}
	p.wire = w
	return nil
}

func (p *caller) close()          { p.wire.close() }
func (p *caller) tally(r *result) { r.repeats += p.repeats }

func (p *caller) do(commands []command) error {
	p.encode(commands)
	for try := 0; ; try++ {
		err := p.send()
		if err == nil && len(p.open) == 0 {
			return nil
		}
		if errors.Is(err, errRefused) || try == triesMax {
			return fmt.Errorf("%d commands without an outcome after %d tries: %w", len(p.open), try+1, err)
		}
		p.repeats += len(p.open)
		time.Sleep(min(time.Duration(try+1)*5*time.Millisecond, 100*time.Millisecond)) // the core asked for patience
		if err != nil {
			if e := p.redial(); e != nil && try > triesMax/2 {
				return errors.Join(err, e)
			}
		}
	}
}

// encode writes key and body of each command.
func (p *caller) encode(commands []command) {
	for len(p.keys) < len(commands) {
		p.keys, p.bodies = append(p.keys, make([]byte, keyLength)), append(p.bodies, nil)
	}
	p.open = p.open[:0]
	for i := range commands {
		base64.RawURLEncoding.Encode(p.keys[i], commands[i].id[:])
		p.bodies[i] = api.AdjustStock{SKU: skuNames[commands[i].sku], Delta: -1, Reason: "sold"}.AppendCompact(p.bodies[i][:0])
		p.open = append(p.open, i)
	}
}

var keyLength = base64.RawURLEncoding.EncodedLen(16)

// errRefused is an answer that no repetition changes.
var errRefused = errors.New("refused")

// send makes one try and takes out of open what is known afterwards.
func (p *caller) send() error {
	w := p.wire
	p.frameCalls()
	p.frame = api.Frame{Calls: p.calls}.Append(p.frame[:0])
	w.out = appendBody(appendHead(w.out[:0], "frame", p.patience), api.FrameType, p.frame)
	status, body, err := w.exchange()
	if err != nil {
		return err
	}
	if status != 200 {
		return fmt.Errorf("frame: %d %s", status, body)
	}
	if allSucceeded(body, len(p.calls)) {
		p.open = p.open[:0]
		return nil
	}
	results, err := api.ParseFrameResults(body, len(p.calls))
	if err != nil {
		return err
	}
	for at := len(p.calls) - 1; at >= 0; at-- {
		if err := p.settle(at, results.Results[at].Status, string(results.Results[at].Body)); err != nil {
			return err
		}
	}
	return nil
}

// frameCalls makes the calls of what is open. Their keys and bodies are parts of one string: the peers'
// clients make no garbage for each command either.
func (p *caller) frameCalls() {
	p.arena = p.arena[:0]
	for _, i := range p.open {
		p.arena = append(append(p.arena, p.keys[i]...), p.bodies[i]...)
	}
	rest := string(p.arena)
	cut := func(n int) (part string) { part, rest = rest[:n], rest[n:]; return part }
	p.calls = p.calls[:0]
	for _, i := range p.open {
		key := cut(len(p.keys[i]))
		c := staffCall(api.StockAdjust.Name, key, cut(len(p.bodies[i])), p.patience.Milliseconds())
		c.Compact = true
		p.calls = append(p.calls, c)
	}
}

// settle decides about the command at a place of open.
func (p *caller) settle(at, status int, body string) error {
	switch status {
	case 200:
		p.open = append(p.open[:at], p.open[at+1:]...)
		return nil
	case 503, 504: // not now, or not known: again, under the same key
		return nil
	case 421:
		return errors.New("the leader has changed")
	}
	return fmt.Errorf("%w: %d %s", errRefused, status, body)
}
