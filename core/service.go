package core

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"meridian/api"
	"meridian/core/seal"
)

// Log is the replicated log, as the shop needs it. Its errors are *api.Error: not_leader, no_leader,
// overloaded (nothing happened) or outcome_unknown (it may still happen). cmd/core implements it with
// package replication.
type Log interface {
	// Propose appends a command and answers with what Machine.Apply gave for it here.
	Propose(ctx context.Context, command []byte) (any, error)
	// ProposeAll appends commands that came together; each is decided on its own, an error holds for
	// all of them.
	ProposeAll(ctx context.Context, commands [][]byte) ([]any, error)
	// ReadExact runs take, and returns nil only if this node led without a break from before take
	// until a moment after it.
	ReadExact(ctx context.Context, take func() error) error
	// WaitApplied waits until this node has applied the index.
	WaitApplied(ctx context.Context, index uint64) error
	// Leading says whether this node leads and is ready to decide; Leader names the node that leads.
	Leading() bool
	Leader() string
}

// Members is the membership of the cluster.
type Members interface {
	Cluster(ctx context.Context) (api.Cluster, error)
	// Seen is what this node knows when nobody leads: SeenBy names it.
	Seen(ctx context.Context) (api.Cluster, error)
	// Enlist admits a node that says where it is, as a learner if it asks to join, or refuses it for good
	// with a conflict.
	Enlist(ctx context.Context, e api.Enlist) error
	Join(ctx context.Context, c api.MemberChange) error
	Remove(ctx context.Context, id string) error
	Lead(ctx context.Context, id string) error
}

// Backups is the backup of this node, while it leads.
type Backups interface {
	// Take begins a full backup, unless one is running.
	Take()
	// List is how it stands, and what is in the bucket.
	List(ctx context.Context) (api.Backups, error)
	// Alone returns nil once it is certain that no other shop is at work with the same bucket. ErrAnotherShop:
	// there is one. Other errors may pass.
	Alone(ctx context.Context) error
}

// ErrAnotherShop says that the bucket of the backups belongs to another shop, or another restore of this one.
var ErrAnotherShop = errors.New("another shop is at work with this bucket")

// ServiceConfig configures a Service.
type ServiceConfig struct {
	ID      string
	Region  string
	Machine *Machine
	Log     Log
	Members Members
	// Backups is nil when the shop has none.
	Backups Backups
	// Keyring seals personal data and hashes addresses for look-up.
	Keyring  *seal.Keyring
	Payments Payments
	// Mailer is nil when the shop sends no mail.
	Mailer Mailer
	// ShopURL is where links in mails lead.
	ShopURL string
	// NamedPeers says that callers show certificates: then a core is enlisted by itself only.
	NamedPeers bool
	// ReadWait is how long a read waits for the state it asks for; default 1 s.
	ReadWait time.Duration
	// PaymentWait bounds one checkout's dealings with the provider; default 20 s.
	PaymentWait time.Duration
	// ResolveAfter is how old an open payment that nobody is at on this node must be before the worker
	// asks the provider; default 5 s. A new leader does not wait for it.
	ResolveAfter time.Duration
	// AdjustKeysMax bounds the live idempotency keys of stock adjustments; default 16 Mi.
	AdjustKeysMax int64
	Logger        *slog.Logger
}

// Service is the half of the shop that talks to the world: it checks requests, proposes commands,
// deals with the payment provider and answers the endpoints of package api.
type Service struct {
	cfg      ServiceConfig
	m        *Machine
	log      Log
	slog     *slog.Logger
	handlers map[string]handler

	mu        sync.Mutex
	flights   map[string]*flight
	acks      map[string]api.Index
	acked     chan struct{}
	wg        sync.WaitGroup
	closing   context.Context
	stop      context.CancelFunc
	passwords *seal.Passwords
	// fingerprint is that of the key ring.
	fingerprint string
	pace        pace
}

// NewService makes a Service. Close waits for the checkouts under way.
func NewService(cfg ServiceConfig) (*Service, error) {
	if cfg.ReadWait == 0 {
		cfg.ReadWait = time.Second
	}
	if cfg.PaymentWait == 0 {
		cfg.PaymentWait = 20 * time.Second
	}
	if cfg.AdjustKeysMax == 0 {
		cfg.AdjustKeysMax = adjustKeysMax
	}
	if cfg.ResolveAfter == 0 {
		cfg.ResolveAfter = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{cfg: cfg, m: cfg.Machine, log: cfg.Log, slog: cfg.Logger, flights: map[string]*flight{}, acks: map[string]api.Index{}, acked: make(chan struct{})}
	passwords, err := seal.NewPasswords(seal.PasswordConfig{})
	if err != nil {
		return nil, err
	}
	s.passwords = passwords
	if cfg.Keyring != nil {
		s.fingerprint = cfg.Keyring.Fingerprint()
	}
	s.closing, s.stop = context.WithCancel(context.Background())
	s.handlers = s.routes()
	return s, nil
}

// Close waits for the checkouts under way; their contexts end.
func (s *Service) Close() {
	s.stop()
	s.wg.Wait()
}

// call is one request to the core.
type call struct {
	api.Call
	name string
	// customer and staff are who the credential belongs to.
	customer string
	staff    staffRec
}

// maxKeyBytes bounds an idempotency key with what an edge puts in front of it.
const maxKeyBytes = 512

// scope is whose idempotency keys a call uses.
func (c *call) scope() string {
	switch {
	case c.staff.Email != "":
		return "staff:" + c.staff.Email
	case c.customer != "":
		return "customer:" + c.customer
	}
	return "anonymous"
}

// reply is an answer: a value, or raw JSON that was stored.
type reply struct {
	value  any
	raw    []byte
	status int
	replay bool
	index  api.Index
}

type handler struct {
	kind  api.Kind
	serve func(ctx context.Context, c *call, body []byte) (reply, error)
}

// reads says that a name is an endpoint that any node answers at once.
func (s *Service) reads(name string) bool {
	h, ok := s.handlers[name]
	return ok && h.kind == api.Read
}

// Serve answers one call. Errors are *api.Error.
func (s *Service) Serve(ctx context.Context, name string, ac api.Call, body []byte) (reply, error) {
	h, ok := s.handlers[name]
	if !ok {
		return reply{}, api.NewError(api.CodeNotFound, "There is no endpoint %q.", name)
	}
	if len(ac.Key) > maxKeyBytes {
		return reply{}, keyTooLong()
	}
	c := &call{Call: ac, name: name}
	if h.kind != api.Read && !s.log.Leading() {
		return reply{}, s.notLeader()
	}
	if err := s.rightKeyring(); err != nil {
		return reply{}, err
	}
	if err := s.reach(ctx, ac.Min); err != nil {
		return reply{}, err
	}
	if err := s.identify(c); err != nil {
		return reply{}, err
	}
	r, err := h.serve(ctx, c, body)
	if r.index.IsZero() {
		r.index = s.m.Index()
	}
	return r, err
}

func (s *Service) notLeader() *api.Error {
	return api.NewError(api.CodeNotLeader, "Another node decides.")
}

// reach waits, for a bounded time, until the state covers what the caller has seen. An index of
// another timeline is from before a restore: waiting for it would be in vain.
func (s *Service) reach(ctx context.Context, min api.Index) error {
	at := s.m.Index()
	if min.IsZero() || at.Timeline != min.Timeline || at.Covers(min) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadWait)
	defer cancel()
	if err := s.log.WaitApplied(ctx, min.Raft); err != nil {
		return api.NewError(api.CodeOverloaded, "This node has not caught up with what you have seen yet. Try again.").WithCause(err)
	}
	return nil
}

// identify finds who the credential belongs to. A credential nobody has is an error, so that nobody
// believes to be signed in who is not.
func (s *Service) identify(c *call) error {
	kind, token, _ := strings.Cut(c.Credential, ":")
	if c.Credential == "" {
		return nil
	}
	if token == "" { // a member of staff without a token must not be found by an empty one
		return unknownCredential()
	}
	hash := hashToken(token)
	ok := false
	s.m.db.View(func() {
		switch kind {
		case "session":
			rec, live := s.m.session(hash)
			if _, exists := s.m.customers.Get(rec.Customer); live && exists && rec.Customer != "" {
				c.customer, ok = rec.Customer, true
			}
		case "staff":
			mail, known := s.m.tokens[hash]
			if !known {
				if rec, live := s.m.session(hash); live && rec.Staff != "" {
					mail, known = rec.Staff, true
				}
			}
			if known {
				c.staff, ok = s.m.staff.Get(mail)
			}
		}
	})
	if !ok {
		return unknownCredential()
	}
	return nil
}

func unknownCredential() *api.Error {
	return api.NewError(api.CodeUnauthorized, "Sign in, or give a token that is valid.")
}

// hashToken is how a token is stored: tokens have 160 random bits, so a plain hash is enough.
func hashToken(t string) string {
	h := sha256.Sum256([]byte(t))
	return hex.EncodeToString(h[:16])
}

var idEncoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// newID makes an identifier of n random bytes.
func newID(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return idEncoding.EncodeToString(b)
}

// newRecordID makes an identifier of n random bytes behind the time. The rows of what is new then stand
// together at the end of their table: making one costs the same however many there are.
func newRecordID(n int) string { return timePrefix(time.Now().UnixMilli()) + newID(n) }

// timePrefix orders as milliseconds do, for the next thousand years.
func timePrefix(ms int64) string {
	const ordered = "23456789abcdefghijkmnpqrstuvwxyz"
	var b [9]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = ordered[ms&31]
		ms >>= 5
	}
	return string(b[:])
}

// propose appends a command and waits for what it gave.
func (s *Service) propose(ctx context.Context, t commandType, k keying, body any) (reply, error) {
	b, err := encodeCommand(t, k, body)
	if err != nil {
		return reply{}, api.NewError(api.CodeTooLarge, "This is too much for one change. Split it.").WithCause(err)
	}
	v, err := s.log.Propose(ctx, b)
	if err != nil {
		return reply{}, err
	}
	r, ok := v.(result)
	if !ok { // applied before a restart of this node: the answer is under the key, if there was one
		return reply{}, appliedBefore()
	}
	if r.err != nil {
		return reply{status: r.err.Status, index: r.index}, r.err
	}
	return reply{value: r.value, raw: r.raw, status: r.status, replay: r.replay, index: r.index}, nil
}

// appliedBefore is the answer when a command was applied before a restart of this node, so that what it
// gave is not at hand.
func appliedBefore() *api.Error {
	return api.NewError(api.CodeOutcomeUnknown, "The outcome is not known. Repeat the request with the same Idempotency-Key.")
}

func keyTooLong() *api.Error {
	return api.Invalid(api.HeaderKey, "An idempotency key is at most %d bytes here.", maxKeyBytes)
}

// key makes the keying of a call; without a key there is none.
func (s *Service) key(c *call, scope string, req any) keying {
	if c.Key == "" {
		return keying{}
	}
	b, err := json.Marshal(req)
	if err != nil {
		b = nil
	}
	return keying{Scope: scope, Key: c.Key, BodyHash: s.cfg.Keyring.LookupHash("body", c.name+"\x00"+string(b))}
}

// as gives a reply's value its type; a stored answer is decoded.
func as[T any](r reply) (T, error) {
	if v, ok := r.value.(T); ok {
		return v, nil
	}
	var v T
	if err := json.Unmarshal(r.raw, &v); err != nil {
		return v, api.Internal(err)
	}
	return v, nil
}

// need refuses a call whose staff role is not among roles.
func need(c *call, roles ...string) error {
	if c.staff.Email == "" {
		return api.NewError(api.CodeUnauthorized, "This is for the shop's staff. Sign in at /admin/ or send a staff token.")
	}
	for _, r := range roles {
		if c.staff.Role == r {
			return nil
		}
	}
	return api.NewError(api.CodeForbidden, "Your role, %s, does not allow this.", c.staff.Role)
}

const (
	roleMerchandiser = "merchandiser"
	roleOperator     = "operator"
)
