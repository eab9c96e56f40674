package core

import (
	"bytes"
	"errors"
	"fmt"

	"meridian/api"
)

func (m *Machine) applyCreateCustomer(c createCustomerCmd) (any, int, *api.Error) {
	if _, taken := m.emails.Get(c.EmailHash); taken {
		return nil, 0, api.Invalid("email", "There is an account with this address. Sign in instead.")
	}
	m.persons.Put(personOfCustomer(c.ID), personRec{Wrapped: c.Wrapped})
	m.customers.Put(c.ID, customerRec{ID: c.ID, EmailHash: c.EmailHash, Profile: c.Profile, Password: c.Password, CreatedMS: m.now})
	m.emails.Put(c.EmailHash, c.ID)
	m.openSession(c.TokenHash, sessionRec{Customer: c.ID})
	return c.ID, 201, nil
}

// errAccountChanged says that a change was made from an account that is no longer what it was. It is
// transient, so that no key remembers it.
var errAccountChanged = errors.New("the account has changed")

func personOfCustomer(id string) string { return "c:" + id }

func (m *Machine) openSession(hash string, s sessionRec) {
	s.ExpiresMS = m.now + sessionMS
	m.sessions.Put(hash, s)
	m.sessionEnds.Put(sessionEnd(s, hash), "")
}

func (m *Machine) applyPatchCustomer(c patchCustomerCmd) (any, int, *api.Error) {
	rec, ok := m.customers.Get(c.ID)
	if !ok {
		return nil, 0, api.NewError(api.CodeNotFound, "There is no such account.")
	}
	if len(c.Was) > 0 && !bytes.Equal(c.Was, rec.Profile) {
		return nil, 0, api.NewError(api.CodeOverloaded, "The account is being changed by somebody else. Try again.").WithCause(errAccountChanged)
	}
	if c.EmailHash != "" && c.EmailHash != rec.EmailHash {
		if _, taken := m.emails.Get(c.EmailHash); taken {
			return nil, 0, api.Invalid("email", "Another account has this address.")
		}
		m.emails.Delete(rec.EmailHash)
		m.emails.Put(c.EmailHash, c.ID)
		rec.EmailHash = c.EmailHash
	}
	if len(c.Profile) > 0 {
		rec.Profile = c.Profile
	}
	if c.Password != "" {
		rec.Password = c.Password
	}
	m.customers.Put(c.ID, rec)
	return c.ID, 200, nil
}

func (m *Machine) applyOpenSession(c openSessionCmd) (any, int, *api.Error) {
	m.openSession(c.TokenHash, sessionRec{Customer: c.Customer, Staff: c.Staff})
	return api.None{}, 201, nil
}

func (m *Machine) applyCloseSession(c closeSessionCmd) (any, int, *api.Error) {
	m.sessions.Delete(c.TokenHash)
	return api.None{}, 200, nil
}

func (m *Machine) applyPutStaff(c staffRec) (any, int, *api.Error) {
	if old, ok := m.staff.Get(c.Email); ok {
		delete(m.tokens, old.TokenHash)
	}
	m.staff.Put(c.Email, c)
	m.tokens[c.TokenHash] = c.Email
	return api.None{}, 200, nil
}

// session finds a live session by the hash of its token; the caller holds the tables' lock.
func (m *Machine) session(hash string) (sessionRec, bool) {
	s, ok := m.sessions.Get(hash)
	if !ok || s.ExpiresMS <= m.metaNow().NowMS {
		return sessionRec{}, false
	}
	return s, true
}

func (m *Machine) applyRenewEdge(c renewEdgeCmd) (any, int, *api.Error) {
	m.edges.Put(c.Edge, edgeRec{Region: c.Region, ExpiresMS: m.now + leaseMS, Cursor: c.Cursor})
	return api.None{}, 200, nil
}

// dropEdges forgets edges whose lease ended an hour ago; until then the status page shows them as gone.
func (m *Machine) dropEdges() {
	var gone []string
	m.edges.Ascend("", func(id string, e edgeRec) bool {
		if e.ExpiresMS < m.now-3_600_000 {
			gone = append(gone, id)
		}
		return true
	})
	for _, id := range gone {
		m.edges.Delete(id)
	}
}

func (m *Machine) applyPurge(c purgeCmd) (any, int, *api.Error) {
	tags := c.Tags
	if c.All {
		tags = []string{api.TagAll}
	}
	m.feed.purging(api.FeedEntry{Tags: tags, Soft: c.Soft, Ack: true})
	return api.None{}, 200, nil
}

// emit puts something that happened into the outbox.
func (m *Machine) emit(kind string, o orderRec, amount int64) {
	meta := m.metaNow()
	meta.OutboxSeq++
	m.meta.Put(metaKey, meta)
	e := outboxRec{Seq: meta.OutboxSeq, AtMS: m.now, Type: kind, Order: o.ID, Amount: amount, Country: o.Country}
	if t := m.timeline(); t > 1 {
		e.Timeline = t
	}
	m.outbox.Put(outboxKey(meta.OutboxSeq), e)
}

func outboxKey(seq uint64) string { return fmt.Sprintf("%016d", seq) }

// applyCutSlice gives a consumer its oldest unacknowledged run of outbox entries. Once cut, a slice
// holds the same entries for everyone who asks, until it is acknowledged.
func (m *Machine) applyCutSlice(c cutSliceCmd) (any, int, *api.Error) {
	rec, _ := m.consumers.Get(c.Consumer)
	if rec.Slice == 0 {
		to := min(m.metaNow().OutboxSeq, rec.Acked+uint64(c.Max))
		if to <= rec.Acked {
			return slice{}, 200, nil
		}
		rec.Count++
		rec.Slice, rec.To = rec.Count, to
		m.consumers.Put(c.Consumer, rec)
	}
	return slice{number: rec.Slice, from: rec.Acked + 1, to: rec.To}, 200, nil
}

// slice is a run of outbox entries by sequence number, both ends included.
type slice struct{ number, from, to uint64 }

func (m *Machine) applyAckSlice(c ackSliceCmd) (any, int, *api.Error) {
	rec, _ := m.consumers.Get(c.Consumer)
	if rec.Slice == c.Slice && c.Slice != 0 {
		rec.Acked, rec.Slice, rec.To = rec.To, 0, 0
		m.consumers.Put(c.Consumer, rec)
	}
	return api.None{}, 200, nil
}

// The consumers of the outbox in the shop itself. An entry is kept until every consumer is done with it, at most maxOutbox entries.
const (
	consumerPayments  = "payments"
	consumerMail      = "mail"
	consumerAnalytics = "analytics"
	maxOutbox         = 1_000_000
)
