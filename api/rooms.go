package api

// MaxRooms bounds the waiting rooms that are open at once.
const MaxRooms = 16

// Room is a waiting room: while it is open, only those whose turn it is may buy what it guards. Everybody gets a number on arrival,
// numbers are let in in their order, and how fast is the room's rate.
type Room struct {
	ID string `json:"id"`
	// Product is the handle of the product that the room guards; "": all of the shop.
	Product string `json:"product"`
	// Rate is how many are let in a second at present. Measured: it follows what the core proves to carry.
	Rate     float64 `json:"rate"`
	Measured bool    `json:"measured"`
	// TurnSeconds is how long somebody whose turn has come may buy.
	TurnSeconds int64 `json:"turn_seconds"`
	// HoldsPerClient and HoldsPerToken bound the payments of what the room guards that one client, or one payment token, has under
	// way at once.
	HoldsPerClient int `json:"holds_per_client"`
	HoldsPerToken  int `json:"holds_per_token"`
	// Opening tells this room from an earlier one of the same id; tickets name it.
	Opening uint64 `json:"opening"`
	// Arrived is the last number given out, Admitted the last one let in, and Over the last one whose turn is over.
	Arrived  uint64 `json:"arrived"`
	Admitted uint64 `json:"admitted"`
	Over     uint64 `json:"over"`
	// SKUs are what the room guards, of a product that exists.
	SKUs []string `json:"skus"`
	// Available is what is left of the product, and Held what others are paying for: both 0 is sold out. Of a room for the shop: 0.
	Available int64  `json:"available"`
	Held      int64  `json:"held"`
	OpenedAt  string `json:"opened_at"`
}

// SoldOut says that nothing is left, and that nothing comes back from a payment that fails.
func (r *Room) SoldOut() bool { return r.Product != "" && r.Available <= 0 && r.Held <= 0 }

// Ticket is a place in a room.
type Ticket struct {
	Room    string `json:"room"`
	Opening uint64 `json:"opening"`
	Number  uint64 `json:"number"`
}

type (
	// PutRoom opens a room, or changes the settings of an open one: nobody loses their place. Rate 0: measured.
	PutRoom struct {
		ID             string  `json:"id"`
		Product        string  `json:"product,omitempty"`
		Rate           float64 `json:"rate,omitempty"`
		TurnSeconds    int64   `json:"turn_seconds,omitempty"`
		HoldsPerClient int     `json:"holds_per_client,omitempty"`
		HoldsPerToken  int     `json:"holds_per_token,omitempty"`
	}
	// RoomID names a room.
	RoomID struct {
		ID string `json:"id"`
	}
	// Arrivals reports how many came to an edge, by room.
	Arrivals struct {
		Edge  string    `json:"edge"`
		Rooms []Arrival `json:"rooms"`
	}
	// Arrival is how many came to one room.
	Arrival struct {
		Room    string `json:"room"`
		Opening uint64 `json:"opening"`
		Count   uint64 `json:"count"`
	}
	// Places answers Arrivals: First is the first number of each, in the order of the question; 0: that room is not open.
	Places struct {
		First []uint64 `json:"first"`
	}
)

// The endpoints of waiting rooms.
var (
	RoomsList  = Endpoint[None, List[Room]]{Name: "rooms.list"}
	RoomsPut   = Endpoint[PutRoom, Room]{Name: "rooms.put", Kind: Write}
	RoomsClose = Endpoint[RoomID, None]{Name: "rooms.close", Kind: Write}
	// RoomsArrive counts whoever it is told of: a repeat makes numbers that nobody has, and costs those behind them a moment.
	RoomsArrive = Endpoint[Arrivals, Places]{Name: "rooms.arrive", Kind: Write}
)
