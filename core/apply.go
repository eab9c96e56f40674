package core

import (
	"errors"
	"fmt"

	"meridian/api"
)

// result is what applying one command gave: a value or a refusal. raw is a stored answer that is
// given again; status is the HTTP status of the answer.
type result struct {
	value  any
	err    *api.Error
	raw    []byte
	status int
	replay bool
	index  api.Index
}

// Refusal is why the command was refused, nil if it was not: for programs that apply commands without a
// Service.
func (r result) Refusal() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Apply applies one log entry and returns a result for each command. Entries at or below the applied
// index are skipped: raft replays what its snapshot does not cover.
func (m *Machine) Apply(index, term uint64, head []byte, commands [][]byte) []any {
	results := make([]any, len(commands))
	if applied, _ := m.db.Applied(); index <= applied {
		return results
	}
	h, err := decodeHeader(head)
	if err != nil {
		m.fail(fmt.Errorf("log entry %d: %w", index, err))
		return results
	}
	m.checkHash(h)
	var at api.Index
	m.db.Update(index, term, func() {
		meta := m.metaNow()
		m.now = max(meta.NowMS, h.NowMS)
		m.index, m.rules, m.fresh = index, h.Rules, 0
		if meta.NowMS != m.now {
			meta.NowMS = m.now
			m.meta.Put(metaKey, meta)
		}
		at = api.Index{Timeline: m.timeline(), Raft: index}
		m.applyAll(commands, at, results)
		if m.rules >= rulesOrdered && m.fresh > 0 {
			m.dropKeys(keysPerKey * m.fresh)
		}
	})
	m.stamps.heard(m.now)
	m.publish(at)
	return results
}

func (m *Machine) applyAll(commands [][]byte, at api.Index, results []any) {
	m.beginStockRow()
	adjusted := make([]adjustResult, 0, len(commands))
	for i, c := range commands {
		if len(c) > 0 && commandType(c[0]) == cmdAdjustStock {
			adjusted = append(adjusted, m.applyAdjust(c))
			results[i] = &adjusted[len(adjusted)-1]
			continue
		}
		r := m.applyCommand(c)
		r.index = at
		results[i] = r
	}
	m.endStockRow()
}

// checkHash stops this replica when the leader had another state at the same index.
func (m *Machine) checkHash(h header) {
	if h.HashIndex == 0 || m.skipHashCheck {
		return
	}
	if mine, ok := m.db.HashAt(h.HashIndex); ok && mine != h.Hash {
		m.fail(fmt.Errorf("this replica differs from the leader at index %d (hash %016x, leader %016x): stop it, move its data directory away and start it again, it will copy the state from the others",
			h.HashIndex, mine, h.Hash))
	}
}

func (m *Machine) applyCommand(b []byte) result {
	t, e, err := decodeCommand(b)
	if err != nil {
		if errors.Is(err, errUnknownCommand) {
			m.fail(err)
		}
		return result{err: api.Internal(err)}
	}
	if t == cmdReserve { // the one command whose key may stay undecided
		return m.applyReserveKeyed(e)
	}
	k := keying{e.Scope, e.Key, e.BodyHash}
	if r, known := m.recall(k); known {
		return r
	}
	v, status, refusal := m.dispatch(t, e, k)
	return m.remember(k, v, status, refusal)
}

// dispatch decodes a command's body and applies it. status 0 means 200.
func (m *Machine) dispatch(t commandType, e envelope, k keying) (any, int, *api.Error) {
	switch t {
	case cmdTick:
		return run(e, m.applyTick)
	case cmdPutProducts:
		return run(e, m.applyPutProducts)
	case cmdDeleteProduct:
		return run(e, m.applyDeleteProduct)
	case cmdPutCollection:
		return run(e, m.applyPutCollection)
	case cmdPutAsset:
		return run(e, m.applyPutAsset)
	case cmdChangeStock:
		return run(e, m.applyChangeStock)
	case cmdCreateCart:
		return run(e, m.applyCreateCart)
	case cmdPutLine:
		return run(e, m.applyPutLine)
	case cmdCommit:
		return run(e, m.applyCommit)
	case cmdRelease:
		return run(e, m.applyRelease)
	case cmdPaymentState:
		return run(e, m.applyPaymentState)
	case cmdPaymentStates:
		return run(e, m.applyPaymentStates)
	case cmdCreateCustomer:
		return run(e, m.applyCreateCustomer)
	case cmdPatchCustomer:
		return run(e, m.applyPatchCustomer)
	case cmdEraseCustomer:
		return run(e, m.applyEraseCustomer)
	case cmdOpenSession:
		return run(e, m.applyOpenSession)
	case cmdCloseSession:
		return run(e, m.applyCloseSession)
	case cmdPutStaff:
		return run(e, m.applyPutStaff)
	case cmdFulfil:
		return run(e, m.applyFulfil)
	case cmdCancel:
		return run(e, m.applyCancel)
	case cmdBeginRefund:
		return run(e, m.applyBeginRefund)
	case cmdFinishRefund:
		return run(e, m.applyFinishRefund)
	case cmdCutSlice:
		return run(e, m.applyCutSlice)
	case cmdAckSlice:
		return run(e, m.applyAckSlice)
	case cmdRenewEdge:
		return run(e, m.applyRenewEdge)
	case cmdPurge:
		return run(e, m.applyPurge)
	case cmdKeyOutcome:
		return run(e, func(c keyOutcomeCmd) (any, int, *api.Error) { return rawAnswer(c.Body), c.Status, nil })
	case cmdStageImport:
		return run(e, m.applyStageImport)
	case cmdPutMember:
		return run(e, m.applyPutMember)
	case cmdCommitImport:
		return run(e, m.applyCommitImport)
	case cmdJoinOutbox:
		return run(e, m.applyJoinOutbox)
	case cmdFeed:
		return run(e, m.applyFeed)
	case cmdPutLocations:
		return run(e, m.applyPutLocations)
	case cmdBeginTimeline:
		return run(e, m.applyBeginTimeline)
	case cmdDifference:
		return run(e, m.applyDifference)
	case cmdEndReconcile:
		return run(e, m.applyEndReconcile)
	case cmdNameKeyring:
		return run(e, m.applyNameKeyring)
	case cmdPutRoom:
		return run(e, m.applyPutRoom)
	case cmdCloseRoom:
		return run(e, m.applyCloseRoom)
	case cmdArrive:
		return run(e, m.applyArrive)
	case cmdAdmit:
		return run(e, m.applyAdmit)
	case cmdPublishTable:
		return run(e, m.applyPublishTable)
	case cmdEraseTraces:
		return run(e, m.applyEraseTraces)
	}
	return nil, 0, api.Internal(fmt.Errorf("command %d has no home", t))
}

func run[C any](e envelope, apply func(C) (any, int, *api.Error)) (any, int, *api.Error) {
	var c C
	if err := decMode.Unmarshal(e.Body, &c); err != nil {
		return nil, 0, api.Internal(fmt.Errorf("command body: %w", err))
	}
	if n, ok := any(&c).(named); ok {
		if err := nameable(n.names()...); err != nil {
			return nil, 0, err
		}
	}
	return apply(c)
}

// rawAnswer is an answer that is already JSON.
type rawAnswer []byte

// MarshalJSON implements json.Marshaler.
func (r rawAnswer) MarshalJSON() ([]byte, error) { return r, nil }
