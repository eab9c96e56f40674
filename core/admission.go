package core

import (
	"strings"

	"meridian/api"
	"meridian/internal/gate"
)

// The calls that are served at once. A call that waits for somebody else (a provider, a password's hash)
// has a gate of its own: however many of them there are, they hold up nobody who wants a quick answer.
const (
	quickCalls = 1024
	slowCalls  = 1024
	// frameCalls bounds the calls in frames: a call of many in one frame costs far less than one that comes
	// alone. It is as many as wait for a place in the log, and what a hundred thousand a second have under way
	// between voters 80 ms apart.
	frameCalls = 16384
)

// admission refuses calls early when there are more than can be served: before they are read, with 503 and
// Retry-After.
type admission struct{ quick, slow, frames *gate.Gate }

func newAdmission() admission {
	return admission{quick: gate.New(gate.Config{Limit: quickCalls}), slow: gate.New(gate.Config{Limit: slowCalls}), frames: gate.New(gate.Config{Limit: frameCalls})}
}

// of is the gate of an endpoint, nil for what the cluster itself lives on, and for what may wait for long.
func (a admission) of(name string) *gate.Gate {
	family, _, _ := strings.Cut(name, ".")
	switch family {
	case "feed", "edges", "cluster", "outbox", "status", "cache", "rooms":
		return nil
	}
	switch name {
	case api.CheckoutCart.Name, api.OrdersCancel.Name, api.OrdersRefund.Name, api.CustomersCreate.Name, api.SessionsCreate.Name,
		api.CustomersPatch.Name, api.StaffSession.Name, api.StaffImport.Name:
		return a.slow
	}
	return a.quick
}

func tooMany() *api.Error {
	return api.NewError(api.CodeOverloaded, "More people are here than can be served at once. Nothing was done; try again in a moment.")
}
