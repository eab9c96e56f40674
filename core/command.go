package core

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// commandType is the first byte of a command. Numbers are never reused.
type commandType byte

const (
	cmdTick            commandType = 1
	cmdPutProducts     commandType = 2
	cmdDeleteProduct   commandType = 3
	cmdPutCollection   commandType = 4
	cmdPutAsset        commandType = 5
	cmdChangeStock     commandType = 6
	cmdCreateCart      commandType = 7
	cmdPutLine         commandType = 8
	cmdReserve         commandType = 9
	cmdCommit          commandType = 10
	cmdRelease         commandType = 11
	cmdPaymentState    commandType = 12
	cmdCreateCustomer  commandType = 13
	cmdPatchCustomer   commandType = 14
	cmdEraseCustomer   commandType = 15
	cmdOpenSession     commandType = 16
	cmdCloseSession    commandType = 17
	cmdPutStaff        commandType = 18
	cmdFulfil          commandType = 19
	cmdCancel          commandType = 20
	cmdBeginRefund     commandType = 21
	cmdFinishRefund    commandType = 22
	cmdCutSlice        commandType = 23
	cmdAckSlice        commandType = 24
	cmdRenewEdge       commandType = 25
	cmdPurge           commandType = 26
	cmdKeyOutcome      commandType = 27
	cmdStageImport     commandType = 28
	cmdCommitImport    commandType = 29
	cmdPaymentStates   commandType = 30
	cmdPutLocations    commandType = 31
	cmdFeed            commandType = 32
	cmdAdjustStock     commandType = 33 // has a form of its own: adjust.go
	cmdJoinOutbox      commandType = 34
	cmdPutMember       commandType = 35
	cmdBeginTimeline   commandType = 36
	cmdDifference      commandType = 37
	cmdEndReconcile    commandType = 38
	cmdNameKeyring     commandType = 39
	cmdPutRoom         commandType = 40
	cmdCloseRoom       commandType = 41
	cmdArrive          commandType = 42
	cmdAdmit           commandType = 43
	cmdPublishTable    commandType = 44
	cmdEraseTraces     commandType = 45
	lastCommand                    = cmdEraseTraces
	commandVersion     byte        = 1
	maxCommandBytes                = 240 << 10
	headerBytes                    = 1 + 8 + 8 + 8
	hourMS             int64       = 3_600_000
	keyLifeHours       int64       = 7 * 24
	edgeKeyLifeHours   int64       = 1
	reservationMS      int64       = 10 * 60 * 1000
	releasedOrderMS    int64       = 60 * 60 * 1000
	sessionMS          int64       = 30 * 24 * 60 * 60 * 1000
	leaseMS            int64       = 3000
	maxExpiriesPerTick             = 500
)

// envelope carries a command's body with the idempotency key it is applied under.
type envelope struct {
	Scope    string          `cbor:"1,keyasint,omitempty"`
	Key      string          `cbor:"2,keyasint,omitempty"`
	BodyHash string          `cbor:"3,keyasint,omitempty"`
	Body     cbor.RawMessage `cbor:"4,keyasint"`
}

// keying is the idempotency key of a command: repeats with the same scope, key and body hash are one.
type keying struct{ Scope, Key, BodyHash string }

// encodeCommand is the form a command has in the log.
func encodeCommand(t commandType, k keying, body any) ([]byte, error) {
	b, err := encMode.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode command %d: %w", t, err)
	}
	e, err := encMode.Marshal(envelope{Scope: k.Scope, Key: k.Key, BodyHash: k.BodyHash, Body: b})
	if err != nil {
		return nil, fmt.Errorf("encode command %d: %w", t, err)
	}
	if len(e) > maxCommandBytes {
		return nil, fmt.Errorf("command %d is %d bytes, at most %d fit into the log", t, len(e), maxCommandBytes)
	}
	return append([]byte{byte(t), commandVersion}, e...), nil
}

var errUnknownCommand = errors.New("a command of a newer program: upgrade this node")

func decodeCommand(b []byte) (commandType, envelope, error) {
	var e envelope
	if len(b) < 3 {
		return 0, e, fmt.Errorf("command of %d bytes", len(b))
	}
	if b[1] != commandVersion || commandType(b[0]) < cmdTick || commandType(b[0]) > lastCommand {
		return 0, e, fmt.Errorf("command %d version %d: %w", b[0], b[1], errUnknownCommand)
	}
	if err := decMode.Unmarshal(b[2:], &e); err != nil {
		return 0, e, fmt.Errorf("command %d: %w", b[0], err)
	}
	if len(e.Scope) > maxName || len(e.Key) > maxName {
		return 0, e, fmt.Errorf("command %d: a key of %d bytes", b[0], len(e.Scope)+len(e.Key))
	}
	return commandType(b[0]), e, nil
}

// The rules by which an entry is applied, where programs differ. They are the version of its header, so
// that a log gives the same state whichever program applies it: a newer one applies an older entry as it
// was meant, and an older one stops at an entry of a newer one.
const (
	// rulesFirst: movements are filed by SKU, a bought-up cart keeps its row, carts live for ever, and a
	// tick drops 500 keys and 5,000 sessions.
	rulesFirst byte = 1
	// rulesOrdered: movements are filed in their order, a cart that was bought up has no row, carts and
	// keys are swept as fast as they come.
	rulesOrdered byte = 2
	rulesNow          = rulesOrdered
)

// header precedes the commands of a log entry: the rules and the time of the leader, and a state hash
// that the leader had at an earlier index, for replicas to hold their own against.
type header struct {
	Rules     byte
	NowMS     int64
	HashIndex uint64
	Hash      uint64
}

func (h header) encode() []byte {
	b := make([]byte, headerBytes)
	b[0] = h.Rules
	binary.BigEndian.PutUint64(b[1:], uint64(h.NowMS))
	binary.BigEndian.PutUint64(b[9:], h.HashIndex)
	binary.BigEndian.PutUint64(b[17:], h.Hash)
	return b
}

func decodeHeader(b []byte) (header, error) {
	if len(b) != headerBytes || b[0] < rulesFirst || b[0] > rulesNow {
		return header{}, fmt.Errorf("entry header of %d bytes, version %v: %w", len(b), b[:min(len(b), 1)], errUnknownCommand)
	}
	return header{
		Rules:     b[0],
		NowMS:     int64(binary.BigEndian.Uint64(b[1:])),
		HashIndex: binary.BigEndian.Uint64(b[9:]),
		Hash:      binary.BigEndian.Uint64(b[17:]),
	}, nil
}

// The bodies of the commands, in the order of their numbers.
type (
	tickCmd        struct{}
	putProductsCmd struct {
		Products []productRec     `cbor:"1,keyasint"`
		IfMatch  uint64           `cbor:"2,keyasint,omitempty"`
		Match    bool             `cbor:"3,keyasint,omitempty"`
		Stock    map[string]int64 `cbor:"4,keyasint,omitempty"` // of SKUs that are new
	}
	deleteProductCmd struct {
		Handle  string `cbor:"1,keyasint"`
		IfMatch uint64 `cbor:"2,keyasint,omitempty"`
		Match   bool   `cbor:"3,keyasint,omitempty"`
	}
	changeStockCmd struct {
		SKU      string `cbor:"1,keyasint"`
		Location string `cbor:"2,keyasint"`
		Delta    int64  `cbor:"3,keyasint,omitempty"`
		Set      bool   `cbor:"4,keyasint,omitempty"`
		OnHand   int64  `cbor:"5,keyasint,omitempty"`
		Reason   string `cbor:"6,keyasint,omitempty"`
		IfMatch  uint64 `cbor:"7,keyasint,omitempty"`
		Match    bool   `cbor:"8,keyasint,omitempty"`
	}
	createCartCmd struct {
		ID       string `cbor:"1,keyasint"`
		Currency string `cbor:"2,keyasint"`
		Country  string `cbor:"3,keyasint"`
	}
	putLineCmd struct {
		Cart     string `cbor:"1,keyasint"`
		SKU      string `cbor:"2,keyasint"`
		Quantity int64  `cbor:"3,keyasint"`
		// Currency and Country are of a cart that may have no row yet.
		Currency string `cbor:"4,keyasint,omitempty"`
		Country  string `cbor:"5,keyasint,omitempty"`
	}
	reserveCmd struct {
		Cart     string `cbor:"1,keyasint"`
		Order    string `cbor:"2,keyasint"` // a fresh id; an order that exists under the key wins
		Secret   string `cbor:"3,keyasint"`
		Version  *int64 `cbor:"4,keyasint,omitempty"`
		Country  string `cbor:"5,keyasint"`
		Method   string `cbor:"6,keyasint"`
		Provider string `cbor:"7,keyasint"`
		Customer string `cbor:"8,keyasint,omitempty"`
		Person   string `cbor:"9,keyasint"`
		Wrapped  []byte `cbor:"10,keyasint,omitempty"` // the key of a person that is new
		Contact  []byte `cbor:"11,keyasint"`
		Visitor  string `cbor:"12,keyasint,omitempty"`
		Session  string `cbor:"13,keyasint,omitempty"`
		// Given: the cart's identifier was given here. Without a row it is empty, and not unknown.
		Given bool `cbor:"14,keyasint,omitempty"`
		// Tickets, Client and Token are for waiting rooms, and empty where none is open: the buyer's places, and hashes of their address
		// and of the payment token.
		Tickets []ticketRec `cbor:"15,keyasint,omitempty"`
		Client  string      `cbor:"16,keyasint,omitempty"`
		Token   string      `cbor:"17,keyasint,omitempty"`
	}
	commitCmd struct {
		Order   string `cbor:"1,keyasint"`
		Attempt int    `cbor:"2,keyasint"`
		Charge  string `cbor:"3,keyasint"`
	}
	releaseCmd struct {
		Order       string `cbor:"1,keyasint"`
		Attempt     int    `cbor:"2,keyasint"`
		Declined    bool   `cbor:"3,keyasint,omitempty"`
		DeclineCode string `cbor:"4,keyasint,omitempty"`
	}
	paymentStateCmd struct {
		Order string `cbor:"1,keyasint"`
		From  string `cbor:"2,keyasint"`
		To    string `cbor:"3,keyasint"`
		// Attempt is the only one it is meant for; 0: whichever.
		Attempt int `cbor:"4,keyasint,omitempty"`
	}
	createCustomerCmd struct {
		ID        string `cbor:"1,keyasint"`
		EmailHash string `cbor:"2,keyasint"`
		Wrapped   []byte `cbor:"3,keyasint"`
		Profile   []byte `cbor:"4,keyasint"`
		Password  string `cbor:"5,keyasint"`
		TokenHash string `cbor:"6,keyasint"`
	}
	patchCustomerCmd struct {
		ID        string `cbor:"1,keyasint"`
		EmailHash string `cbor:"2,keyasint,omitempty"` // empty: unchanged
		Profile   []byte `cbor:"3,keyasint,omitempty"`
		Password  string `cbor:"4,keyasint,omitempty"`
		Was       []byte `cbor:"5,keyasint,omitempty"` // the profile that Profile was made from
	}
	eraseCustomerCmd struct {
		ID string `cbor:"1,keyasint"`
	}
	openSessionCmd struct {
		TokenHash string `cbor:"1,keyasint"`
		Customer  string `cbor:"2,keyasint,omitempty"`
		Staff     string `cbor:"3,keyasint,omitempty"`
	}
	closeSessionCmd struct {
		TokenHash string `cbor:"1,keyasint"`
	}
	fulfilCmd struct {
		Order    string        `cbor:"1,keyasint"`
		Lines    []cartLineRec `cbor:"2,keyasint,omitempty"`
		Tracking string        `cbor:"3,keyasint,omitempty"`
	}
	cancelCmd struct {
		Order  string `cbor:"1,keyasint"`
		Refund string `cbor:"2,keyasint"` // id of the refund, if money has to go back
		Reason string `cbor:"3,keyasint,omitempty"`
	}
	beginRefundCmd struct {
		Order   string `cbor:"1,keyasint"`
		Refund  string `cbor:"2,keyasint"`
		Amount  int64  `cbor:"3,keyasint"`
		All     bool   `cbor:"4,keyasint,omitempty"`
		Restock bool   `cbor:"5,keyasint,omitempty"`
		// Lines are what goes back to the shelf.
		Lines []cartLineRec `cbor:"6,keyasint,omitempty"`
	}
	finishRefundCmd struct {
		Order  string `cbor:"1,keyasint"`
		Refund string `cbor:"2,keyasint"`
		// The key of the request that asked for the refund, if it waits for it.
		Scope    string `cbor:"3,keyasint,omitempty"`
		Key      string `cbor:"4,keyasint,omitempty"`
		BodyHash string `cbor:"5,keyasint,omitempty"`
	}
	cutSliceCmd struct {
		Consumer string `cbor:"1,keyasint"`
		Max      int    `cbor:"2,keyasint"`
	}
	ackSliceCmd struct {
		Consumer string `cbor:"1,keyasint"`
		Slice    uint64 `cbor:"2,keyasint"`
	}
	renewEdgeCmd struct {
		Edge   string `cbor:"1,keyasint"`
		Region string `cbor:"2,keyasint"`
		Cursor uint64 `cbor:"3,keyasint"`
	}
	purgeCmd struct {
		Tags []string `cbor:"1,keyasint"`
		All  bool     `cbor:"2,keyasint,omitempty"`
		Soft bool     `cbor:"3,keyasint,omitempty"`
	}
	keyOutcomeCmd struct {
		Status int    `cbor:"1,keyasint"`
		Body   []byte `cbor:"2,keyasint"`
	}
	stageImportCmd struct {
		ID       string           `cbor:"1,keyasint"`
		Part     uint64           `cbor:"2,keyasint"`
		Products []productRec     `cbor:"3,keyasint"`
		Stock    map[string]int64 `cbor:"4,keyasint"`
	}
	commitImportCmd struct {
		ID    string `cbor:"1,keyasint"`
		Parts uint64 `cbor:"2,keyasint"`
		Drop  bool   `cbor:"3,keyasint,omitempty"`
	}
	// paymentStatesCmd is paymentStateCmd for many orders.
	paymentStatesCmd struct {
		Orders []string `cbor:"1,keyasint"`
		From   string   `cbor:"2,keyasint"`
		To     string   `cbor:"3,keyasint"`
	}
	beginTimelineCmd struct {
		Timeline uint32      `cbor:"1,keyasint"`
		Record   timelineRec `cbor:"2,keyasint"` // as far as it is not made by applying
	}
	differenceCmd struct {
		Timeline uint32        `cbor:"1,keyasint"`
		Record   differenceRec `cbor:"2,keyasint"`
	}
	endReconcileCmd struct {
		Timeline uint32 `cbor:"1,keyasint"`
		Checked  uint64 `cbor:"2,keyasint"`
	}
	nameKeyringCmd struct {
		Fingerprint string `cbor:"1,keyasint"`
	}
)
