package core

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"meridian/api"
	"meridian/core/state"
)

// Machine is the deterministic half of the shop: memory over bbolt, changed only by log entries.
// Apply is called by one goroutine; readers use View. Its derived indexes (by SKU, by collection) are
// rebuilt from the tables and guarded by the tables' lock.
type Machine struct {
	db   *state.DB
	log  *slog.Logger
	fail func(error)
	feed *feed

	products    *state.Table[productRec]
	collections *state.Table[collectionRec]
	assets      *state.Table[assetRec]
	stock       *state.Table[stockRec]
	locations   *state.Table[locationsRec]
	feedMarks   *state.Table[feedMarkRec]
	movements   *state.Table[movementRec]
	carts       *state.Table[cartRec]
	orders      *state.Table[orderRec]
	orderSeq    *state.Table[string] // number to order id
	orderOwner  *state.Table[string] // customer and number to order id
	open        *state.Table[openRec]
	persons     *state.Table[personRec]
	customers   *state.Table[customerRec]
	emails      *state.Table[string] // keyed mail hash to customer id
	sessions    *state.Table[sessionRec]
	staff       *state.Table[staffRec]
	keys        *state.Table[keyRec]
	keyBuckets  *state.Table[string]
	outbox      *state.Table[outboxRec]
	consumers   *state.Table[consumerRec]
	edges       *state.Table[edgeRec]
	nodes       *state.Table[nodeRec] // cores, by id
	staged      *state.Table[stageImportCmd]
	stagedSince *state.Table[stagedRec]
	sessionEnds *state.Table[string]
	timelines   *state.Table[timelineRec]
	differences *state.Table[differenceRec]
	meta        *state.Table[metaRec]
	stockLog    *state.Table[stockLogRec]
	keyring     *state.Table[string] // the fingerprint of the key ring
	rooms       *state.Table[roomRec]
	tables      *state.Table[tablesRec]
	erasures    *state.Table[erasureRec]
	erased      *state.Table[uint64] // hash of an identifier to the erasure that names it

	derived
	// whereabouts is a copy of nodes that is read without the tables' lock; it is never nil and never changed.
	whereabouts atomic.Pointer[map[string]nodeRec]
	// keyringName is a copy of the fingerprint, nil until it is named, read without the tables' lock.
	keyringName atomic.Pointer[string]

	// now is the time of the entry being applied; index its place in the log.
	now   int64
	index uint64
	// rules are those of the entry being applied.
	rules byte
	// fresh counts the keys that the entry made.
	fresh int
	// swept is how far the keys' buckets are known to be empty.
	swept keysSwept
	// stockRow collects the adjustments of the entry being applied.
	stockRow stockLogRow
	// touched collects the tags whose shown value changed in the entry being applied.
	touched map[string]bool
	// liveKeys is the number of keys of adjustments, for those who do not hold the lock.
	liveKeys atomic.Int64
	stamps   *stamper
	// skipDedupe and skipStockCheck are protections that a test switches off to see them matter.
	skipDedupe, skipStockCheck, skipHashCheck, skipSum, wallClock, unfencedVoids, openDoors bool
}

// MachineConfig configures a Machine.
type MachineConfig struct {
	// Path is the state file.
	Path string
	// ReadOnly reads the state of a node that is stopped, for Check; nothing is changed on disk.
	ReadOnly bool
	// CheckpointEvery is how often what changed is made durable; default 1 s.
	CheckpointEvery time.Duration
	// DirtyMax bounds the bytes of changes that wait for a checkpoint; default 256 MiB.
	DirtyMax int64
	// InitialMmapSize bounds the state file's size without remapping; default 64 GiB.
	InitialMmapSize int
	// Feed bounds the change feed, in entries; default 100,000.
	Feed int
	// Clock is what stamps the batches of a leader; default the system's.
	Clock Clock
	// Fail ends the process: storage failed or replicas differ. Default: panic.
	Fail   func(error)
	Logger *slog.Logger
}

// OpenMachine opens the state at cfg.Path, or starts an empty one.
func OpenMachine(cfg MachineConfig) (*Machine, error) {
	if cfg.CheckpointEvery == 0 {
		cfg.CheckpointEvery = time.Second
	}
	if cfg.Feed == 0 {
		cfg.Feed = 100_000
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Fail == nil {
		cfg.Fail = func(err error) { panic(err) }
	}
	m := &Machine{log: cfg.Logger, fail: cfg.Fail, feed: newFeed(cfg.Feed), touched: map[string]bool{}, stamps: newStamper(cfg.Clock)}
	m.whereabouts.Store(&map[string]nodeRec{})
	db, err := state.Open(state.Options{
		Path: cfg.Path, ReadOnly: cfg.ReadOnly, CheckpointEvery: cfg.CheckpointEvery, DirtyMax: cfg.DirtyMax, InitialMmapSize: cfg.InitialMmapSize, Loaded: m.derive, Logger: cfg.Logger, Fail: cfg.Fail,
	})
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	m.db = db
	m.products = state.NewTable(db, "products", state.Hot, record[productRec]{1})
	m.collections = state.NewTable(db, "collections", state.Hot, record[collectionRec]{1})
	m.assets = state.NewTable(db, "assets", state.Hot, record[assetRec]{1})
	m.stock = state.NewTable(db, "stock", state.Indexed, stockCodec{record[stockRec]{1}})
	m.locations = state.NewTable(db, "locations", state.Hot, record[locationsRec]{1})
	m.feedMarks = state.NewTable(db, "feed_marks", state.Cold, record[feedMarkRec]{1})
	m.movements = state.NewTable(db, "movements", state.Cold, record[movementRec]{1})
	m.carts = state.NewTable(db, "carts", state.Cold, record[cartRec]{1})
	m.orders = state.NewTable(db, "orders", state.Cold, record[orderRec]{1})
	m.orderSeq = state.NewTable(db, "order_seq", state.Cold, record[string]{1})
	m.orderOwner = state.NewTable(db, "order_owner", state.Cold, record[string]{1})
	m.open = state.NewTable(db, "open", state.Hot, record[openRec]{1})
	m.persons = state.NewTable(db, "persons", state.Cold, record[personRec]{1})
	m.customers = state.NewTable(db, "customers", state.Cold, record[customerRec]{1})
	m.emails = state.NewTable(db, "emails", state.Cold, record[string]{1})
	m.sessions = state.NewTable(db, "sessions", state.Cold, record[sessionRec]{1})
	m.staff = state.NewTable(db, "staff", state.Hot, record[staffRec]{1})
	m.keys = state.NewTable(db, "keys", state.Cold, record[keyRec]{1})
	m.keyBuckets = state.NewTable(db, "key_buckets", state.Cold, record[string]{1})
	m.outbox = state.NewTable(db, "outbox", state.Cold, record[outboxRec]{1})
	m.consumers = state.NewTable(db, "consumers", state.Hot, record[consumerRec]{1})
	m.edges = state.NewTable(db, "edges", state.Hot, record[edgeRec]{1})
	m.stagedSince = state.NewTable(db, "staged_since", state.Hot, record[stagedRec]{1})
	m.sessionEnds = state.NewTable(db, "session_ends", state.Cold, record[string]{1})
	m.nodes = state.NewTable(db, "nodes", state.Hot, record[nodeRec]{1})
	m.staged = state.NewTable(db, "staged", state.Cold, record[stageImportCmd]{1})
	m.stockLog = state.NewTable(db, "stock_log", state.Cold, stockLogCodec{})
	m.timelines = state.NewTable(db, "timelines", state.Hot, record[timelineRec]{1})
	m.differences = state.NewTable(db, "differences", state.Cold, record[differenceRec]{1})
	m.keyring = state.NewTable(db, "keyring", state.Hot, record[string]{1})
	m.rooms = state.NewTable(db, "rooms", state.Hot, record[roomRec]{1})
	m.tables = state.NewTable(db, "tables", state.Hot, record[tablesRec]{1})
	m.erasures = state.NewTable(db, "erasures", state.Cold, record[erasureRec]{1})
	m.erased = state.NewTable(db, "erased", state.Cold, record[uint64]{1})
	m.meta = state.NewTable(db, "meta", state.Hot, record[metaRec]{1})
	if err := db.Load(); err != nil {
		return nil, errors.Join(fmt.Errorf("load state: %w", err), db.Close())
	}
	m.feed.restart(m.Index())
	return m, nil
}

// Close makes everything applied durable and closes the state file.
func (m *Machine) Close() error { return m.db.Close() }

// metaKey is the only key of the meta table.
const metaKey = "meta"

// timeline moves when a backup is restored.
func (m *Machine) timeline() uint32 { return uint32(m.db.Timeline()) }

func (m *Machine) metaNow() metaRec {
	v, ok := m.meta.Get(metaKey)
	if !ok {
		v.OrderNumber = 1000
	}
	return v
}

// Index is the index of the applied state, within its timeline. What is read in a View after it is at least as new.
func (m *Machine) Index() api.Index {
	p := m.db.Position()
	return api.Index{Timeline: uint32(p.Timeline), Raft: p.Reached}
}

// View runs fn on a consistent state and returns the index it saw, taken before fn.
func (m *Machine) View(fn func()) (i api.Index) {
	m.db.View(func() {
		i = m.Index()
		fn()
	})
	return i
}

// Seal returns the header of the batch that the leader is about to propose. Its time never goes back, and
// a wrong clock moves it by little.
func (m *Machine) Seal() []byte {
	h := header{Rules: rulesNow}
	m.db.View(func() { h.NowMS = m.metaNow().NowMS })
	h.NowMS = m.stamps.stamp(h.NowMS)
	index, _ := m.db.Applied()
	if hash, ok := m.db.HashAt(index); ok {
		h.HashIndex, h.Hash = index, hash
	}
	return h.encode()
}

// publish puts the tags that the entry touched into the change feed.
func (m *Machine) publish(at api.Index) {
	m.feed.add(at, m.touched)
	clear(m.touched)
}

// touch says that what is shown under a tag has changed.
func (m *Machine) touch(tag string) { m.touched[tag] = true }

// The rest is what replication asks of a state machine beside Apply.

// Reached records that the log is consumed up to index, entries without commands included.
func (m *Machine) Reached(index uint64) { m.db.Reached(index) }

// Applied is the index and term of the applied state; Durable those of the last checkpoint.
func (m *Machine) Applied() (index, term uint64) { return m.db.Applied() }

// Durable is the index and term of the last durable checkpoint.
func (m *Machine) Durable() (index, term uint64) { return m.db.Durable() }

// Checkpoint makes everything applied durable.
func (m *Machine) Checkpoint() error { return m.db.Checkpoint() }

// Hash is the hash of the state, the same on every replica at the same index.
func (m *Machine) Hash() uint64 { return m.db.Hash() }

// Snapshot takes a consistent view of the state.
func (m *Machine) Snapshot() (*state.Snapshot, error) { return m.db.Snapshot() }

// Restore replaces the state by a snapshot. Followers of the change feed have to start over.
func (m *Machine) Restore(r io.Reader) error {
	if err := m.db.Restore(r); err != nil {
		return fmt.Errorf("restore state: %w", err)
	}
	m.feed.restart(m.Index())
	return nil
}
