package main

import (
	"fmt"
	"net/http"
)

// refusal is an answer of the shop that is none of success.
type refusal struct {
	what   string
	status int
	body   []byte
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%s: %d %.300s", r.what, r.status, r.body) }

// final reports whether the same request would be refused for ever. What is busy, slow or at odds with somebody else
// may go well the next time.
func (r *refusal) final() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return false
	}
	return r.status >= 400 && r.status < 500
}

// advice says what to change before the next start.
func (r *refusal) advice() string {
	switch r.status {
	case http.StatusUnauthorized:
		return "the shop does not know this token: set CONSUMER_TOKEN to one of a member of staff"
	case http.StatusForbidden:
		return "this member of staff may not read the outbox: it takes an operator or a merchandiser"
	case http.StatusNotFound:
		return "look at -shop, which is the address of an edge; if the consumer was deleted meanwhile, a new start makes it known again"
	}
	return "the request is wrong, and repeating it changes nothing: look at the settings, --help lists them"
}
