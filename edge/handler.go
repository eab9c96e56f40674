package edge

import (
	"context"
	"time"

	"meridian/api"
)

// Request is a request in canonical form. Nothing in it points into the connection's buffers, so it
// may be kept. The cache key and the calls to the core are built from it and from nothing else.
type Request struct {
	Method string
	// Path is the normal form of the path; a raw path that differs from it never gets here.
	Path string
	// Params are the named parts of the route's pattern.
	Params map[string]string
	// Query holds the parameters the route allows, others are dropped.
	Query map[string][]string
	// Form holds the fields of an application/x-www-form-urlencoded body, at most 100 of them.
	Form map[string][]string
	// Body is the body as sent, at most the route's limit.
	Body        []byte
	ContentType string
	// Locale is what prices are shown in here.
	Locale api.Locale
	Region string
	// HTML says that the client prefers a page to a problem document.
	HTML bool
	// IfMatch, Range, Referer and Ticket are the only other headers handlers see.
	IfMatch string
	Range   string
	Referer string
	// Ticket is a place in a waiting room, of a client that keeps no cookies.
	Ticket string
	// Client is the client's address, for limits.
	Client string
	// Source is what the User-Agent says of who asks, Agent the header itself, and Host the name that the shop was called by.
	Source EventSource
	Agent  string
	Host   string
	// Unfollowed says that the browser asks every site not to follow it: Do-Not-Track or Global Privacy Control.
	Unfollowed bool
	// SameOrigin says that a browser sent this from a page of the shop.
	SameOrigin bool
	// Jar is the client's signed state: its cart, session, visitor and last written index.
	Jar Jar
	// Call accompanies every call to the core: request id, credential, least index, idempotency key.
	Call api.Call
}

// Jar is the state a client carries in cookies. The edge signs what must not be forged.
type Jar struct {
	// Cart is the id of the client's cart.
	Cart string
	// CartCount is shown in the header by the page's script; it decides nothing.
	CartCount int
	// Session is the token of a signed-in customer; Staff that of a member of staff.
	Session string
	Staff   string
	// Min is the newest index this client has written or seen after writing (read your writes).
	Min api.Index
	// Consent is what the browser said about being remembered, yes or no; empty: nothing yet.
	Consent string
	// Visitor and Visit identify the browser and this visit to the clickstream, if it agreed.
	Visitor string
	Visit   string
	// Flash is a sentence to show once on the next page; Orders are keys of orders just placed (id → key).
	Flash  string
	Orders map[string]string
	// Tickets are this client's places in waiting rooms, as package waiting writes them.
	Tickets []string
}

// Answer is what a handler gives back. The server adds what every answer carries: security headers,
// ETag, compression, Cache-Status, Server-Timing, X-Request-Id, X-Region, cookies.
type Answer struct {
	Status      int // 0 means 200
	ContentType string
	Body        []byte
	// Header holds further headers, such as Location.
	Header [][2]string
	// Index is the lowest applied index the core reported while this answer was made.
	Index api.Index
	// Tags make the answer cacheable: it is valid until one of them changes. Nil: private, no-store.
	Tags []string
	// TTL bounds how long a tagged answer is fresh; 0 means the server's default.
	TTL time.Duration
	// Immutable says that the address holds a content hash: cached for a year, by browsers too.
	Immutable bool
	// Jar, when set, replaces the client's cookies.
	Jar *Jar
	// Replay marks a stored answer (Idempotent-Replay: true).
	Replay bool
	// Core is the time spent waiting for the core, for Server-Timing.
	Core time.Duration
}

// Handler answers a canonical request. A returned error is an *api.Error or becomes an internal one;
// the server turns it into a problem document or into a page of the shop.
type Handler func(ctx context.Context, r *Request) (*Answer, error)

// Class groups routes by how they are treated.
type Class uint8

const (
	// Public answers are the same for everyone in a locale and may be cached.
	Public Class = iota
	// Private answers belong to one client: never cached, read-your-writes.
	Private
	// Staff needs a staff credential and is never cached.
	Staff
	// File answers are large and immutable, with Range.
	File
)

// Route binds a method and a pattern such as /products/{handle} to a handler.
type Route struct {
	Method  string
	Pattern string
	Class   Class
	// Query lists the allowed parameters, in key order; facet.* allows a prefix.
	Query []string
	// MaxBody is the limit of the body in bytes; 0 means no body is allowed.
	MaxBody int
	// Types are the accepted content types; empty with MaxBody > 0 means application/json.
	Types []string
	// NeedKey refuses the request without an Idempotency-Key before anything else.
	NeedKey bool
	// Guard, when set, refuses who may not do this, before the body is read.
	Guard func(ctx context.Context, r *Request) error
	// Limit says which of the clients' limits a request counts for, see Limits.
	Limit LimitClass
	// API routes speak JSON only: their errors are problem documents whatever the client prefers.
	API bool
	// Timeout bounds the handler; 0 means 10 s.
	Timeout time.Duration
	Handler Handler
}
