package api

// OutboxAsk asks for the oldest slice that a consumer outside the shop has not acknowledged. Limit 0
// means 100; the most is 1000.
type OutboxAsk struct {
	Consumer string `json:"consumer"`
	Limit    int    `json:"limit,omitempty"`
}

// OutboxPage is a slice of the outbox with where the consumer stands. Asked for again before it is
// acknowledged, it holds the same entries; slice 0 without entries: there is nothing new.
type OutboxPage struct {
	Slice   uint64        `json:"slice"`
	Entries []OutboxEntry `json:"entries"`
	// Missed counts entries of this slice that were dropped before this consumer came for them.
	Missed uint64 `json:"missed,omitempty"`
	// Lag is how many entries are not acknowledged, those of this slice included.
	Lag uint64 `json:"lag"`
}

// OutboxConsumer is somebody who reads the outbox. From is where a new one begins: oldest (the
// default), at the oldest entry that is kept, or now.
type OutboxConsumer struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"`
	// Acked is the sequence number of the last entry it is done with, Lag how many came after it.
	Acked uint64 `json:"acked"`
	Lag   uint64 `json:"lag"`
	// Own says that it is a part of the shop, which nobody else can read as.
	Own bool `json:"own,omitempty"`
}

// MaxOutboxConsumers is the most consumers there may be outside the shop: each of them keeps entries.
const MaxOutboxConsumers = 32

// The endpoints for consumers outside the shop.
var (
	OutboxRead      = Endpoint[OutboxAsk, OutboxPage]{Name: "outbox.read", Kind: Write}
	OutboxConfirm   = Endpoint[OutboxAck, OutboxConsumer]{Name: "outbox.confirm", Kind: Write}
	OutboxConsumers = Endpoint[None, List[OutboxConsumer]]{Name: "outbox.consumers", Kind: Exact}
	OutboxJoin      = Endpoint[OutboxConsumer, OutboxConsumer]{Name: "outbox.join", Kind: Write}
	OutboxLeave     = Endpoint[OutboxConsumer, None]{Name: "outbox.leave", Kind: Write}
)
