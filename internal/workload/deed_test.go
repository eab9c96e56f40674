package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/internal/history"
)

func TestEndings(t *testing.T) {
	for code, want := range map[api.Code]end{
		api.CodeNotLeader: nothing, api.CodeNoLeader: nothing, api.CodeOverloaded: nothing,
		api.CodeOutcomeUnknown: unclear, api.CodePaymentUnavailable: unclear, api.CodeInternal: unclear, api.CodeCheckoutInProgress: unclear,
		api.CodeOutOfStock: answered, api.CodeInvalid: answered, api.CodePaymentDeclined: answered, api.CodeKeyReused: answered,
	} {
		if got := ending(api.NewError(code, "x")); got != want {
			t.Errorf("%s ends as %d, want %d", code, got, want)
		}
	}
	if ending(nil) != answered || ending(errors.New("a broken connection")) != unclear {
		t.Error("success or silence is taken for something else")
	}
}

// say is a deed that is answered from a list.
func say(l *Load, answers ...any) *deed {
	var mu sync.Mutex
	return &deed{
		name: "a deed", op: history.Op{Object: "SKU", Action: history.Adjust, Key: "k"}, refusals: true,
		record: func(op history.Op, _ any) { l.cfg.Recorder.Add(op) },
		do: func(context.Context) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			a := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}
			if err, bad := a.(error); bad {
				return nil, err
			}
			return a, nil
		},
	}
}

func testLoad() *Load { return &Load{cfg: Config{Recorder: history.NewRecorder()}} }

// TestOutcomes: what is unknown is repeated, what certainly did not happen only counts as such before
// anything was unknown, and what has no answer stays open until it is settled.
func TestOutcomes(t *testing.T) {
	unknown, refused := api.NewError(api.CodeOutcomeUnknown, "?"), api.NewError(api.CodeNoLeader, "no")
	l := testLoad()
	if _, done := l.act(t.Context(), say(l, unknown, refused, 7)); !done {
		t.Error("an answer after an unknown outcome was not waited for")
	}
	if _, done := l.act(t.Context(), say(l, refused)); done || len(l.cfg.Recorder.Ops()) != 1 {
		t.Error("a certain refusal was recorded as something that may have happened")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, done := l.act(over, say(l, unknown, 8)); done || len(l.open) != 1 {
		t.Error("what was unknown at the end of the round is not kept open")
	}
	l.Settle(t.Context())
	ops := l.cfg.Recorder.Ops()
	if len(ops) != 2 || ops[1].Outcome != history.Done || len(l.Problems()) != 0 {
		t.Errorf("settled as %+v, %q", ops, l.Problems())
	}
	if s := l.Stats(); s != (Stats{Done: 2, Refused: 1, Unknown: 2}) {
		t.Errorf("%+v", s)
	}
}

func TestNoOutcomeIsAProblem(t *testing.T) {
	l := testLoad()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	l.act(over, say(l, api.NewError(api.CodeOutcomeUnknown, "?")))
	soon, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	l.Settle(soon)
	if ops := l.cfg.Recorder.Ops(); len(l.Problems()) != 1 || len(ops) != 1 || ops[0].Outcome != history.Open {
		t.Errorf("%q, %+v", l.Problems(), ops)
	}
}

func TestAnotherAnswerToARepeatIsAProblem(t *testing.T) {
	for _, c := range []struct {
		answers []any
		bad     bool
	}{
		{[]any{7}, false}, {[]any{7, 8}, true}, {[]any{7, api.NewError(api.CodeInvalid, "no")}, true},
		{[]any{api.NewError(api.CodeInvalid, "no")}, false}, {[]any{api.NewError(api.CodeInvalid, "no"), 7}, true},
	} {
		l := testLoad()
		l.act(t.Context(), say(l, slices.Clone(c.answers)...))
		l.Repeat(t.Context())
		if got := l.Problems(); (len(got) > 0) != c.bad {
			t.Errorf("%s: %q", fmt.Sprint(c.answers...), got)
		}
	}
}
