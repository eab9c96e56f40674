package api

// Locale is the currency and country that prices and promises are for.
type Locale struct {
	Currency string `json:"currency"`
	Country  string `json:"country"`
}

// Page asks for a page of a list. Limit 0 means 24; the maximum is 100.
type Page struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// The requests of the endpoints below, in their order.
type (
	// ProductsQuery lists products. Sort is "", featured, newest, price, -price or title. Brief, here and below, leaves their descriptions
	// out: they may be long, and a page of cards shows none.
	ProductsQuery struct {
		Page
		Locale
		Collection string `json:"collection,omitempty"`
		Sort       string `json:"sort,omitempty"`
		Brief      bool   `json:"brief,omitempty"`
	}
	// ProductQuery asks for one product.
	ProductQuery struct {
		Locale
		Handle string `json:"handle"`
	}
	// ProductSetQuery asks for several products by handle; unknown ones are left out.
	ProductSetQuery struct {
		Locale
		Handles []string `json:"handles"`
		Brief   bool     `json:"brief,omitempty"`
	}
	// CollectionQuery asks for one collection and a page of its products.
	CollectionQuery struct {
		Page
		Locale
		Handle string `json:"handle"`
		Sort   string `json:"sort,omitempty"`
		Brief  bool   `json:"brief,omitempty"`
	}
	// SearchQuery searches. Facets maps a facet's name (type, vendor, collection, an option's name) to the chosen value.
	SearchQuery struct {
		Page
		Locale
		Q      string            `json:"q"`
		Facets map[string]string `json:"facets,omitempty"`
		Sort   string            `json:"sort,omitempty"`
		Brief  bool              `json:"brief,omitempty"`
	}
	// NewCart creates a cart.
	NewCart struct {
		Locale
	}
	// CartQuery asks for a cart.
	CartQuery struct {
		ID string `json:"id"`
	}
	// PutLine sets the quantity of a SKU in a cart; 0 removes it.
	PutLine struct {
		Cart     string `json:"cart"`
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	}
	// CheckoutRequest buys a cart. Its idempotency key is scoped to the cart.
	CheckoutRequest struct {
		Cart string `json:"cart"`
		Checkout
		// Visitor and Session join the order with its clickstream; they are no part of the request's identity.
		Visitor string `json:"visitor,omitempty"`
		Session string `json:"session,omitempty"`
		// Tickets are the buyer's places in waiting rooms, and Client a hash of their address; neither is a part of the request's identity.
		Tickets []Ticket `json:"tickets,omitempty"`
		Client  string   `json:"client,omitempty"`
	}
	// OrderQuery asks for an order: with its key, as its owner, or as staff.
	OrderQuery struct {
		ID  string `json:"id"`
		Key string `json:"key,omitempty"`
	}
	// OrdersQuery lists orders for staff, newest first.
	OrdersQuery struct {
		Page
		Status string `json:"status,omitempty"`
	}
	// OrderAction cancels or fulfils an order. Tracking is for fulfilment.
	OrderAction struct {
		ID       string `json:"id"`
		Reason   string `json:"reason,omitempty"`
		Tracking string `json:"tracking,omitempty"`
		// Lines says how many of which SKU are fulfilled; empty: all that remain.
		Lines []LineQuantity `json:"lines,omitempty"`
	}
	// LineQuantity is a quantity of a SKU.
	LineQuantity struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	}
	// RefundRequest refunds Amount (minor units of the order's currency); nil: what Lines cost, without
	// Lines all that remains. With Restock, Lines go back to the shelf; without Lines all of the order
	// does, which takes a refund of all that remains.
	RefundRequest struct {
		ID      string         `json:"id"`
		Amount  *int64         `json:"amount,omitempty"`
		Restock bool           `json:"restock,omitempty"`
		Lines   []LineQuantity `json:"lines,omitempty"`
		Reason  string         `json:"reason,omitempty"`
	}
	// NewCustomer registers an account.
	NewCustomer struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Name     string `json:"name"`
	}
	// SignIn opens a session.
	SignIn struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	// CustomerPatch changes an account; nil leaves a field as it is.
	CustomerPatch struct {
		Name     *string `json:"name,omitempty"`
		Email    *string `json:"email,omitempty"`
		Password *string `json:"password,omitempty"`
	}
	// StaffQuery looks a staff credential up.
	StaffSignIn struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	// StaffHandle names a product for staff.
	StaffHandle struct {
		Handle string `json:"handle"`
		// IfMatch, when not zero, must be the product's index.
		IfMatch Index `json:"if_match"`
	}
	// PutProduct creates or replaces a product.
	PutProduct struct {
		Product StaffProduct `json:"product"`
		IfMatch Index        `json:"if_match"`
	}
	// ImportProducts imports Shopify's product CSV.
	ImportProducts struct {
		CSV     []byte `json:"csv"` // base64 on the wire
		Partial bool   `json:"partial,omitempty"`
		DryRun  bool   `json:"dry_run,omitempty"`
	}
	// StockQuery asks for the stock of a SKU at a location ("" is main).
	StockQuery struct {
		SKU      string `json:"sku"`
		Location string `json:"location,omitempty"`
	}
	// AdjustStock adds Delta to what is on hand.
	AdjustStock struct {
		SKU      string `json:"sku"`
		Location string `json:"location,omitempty"`
		Delta    int64  `json:"delta"`
		Reason   string `json:"reason"`
	}
	// SetStock sets what is on hand. IfMatch, when not zero, must be the level's index.
	SetStock struct {
		SKU      string `json:"sku"`
		Location string `json:"location,omitempty"`
		OnHand   int64  `json:"on_hand"`
		IfMatch  Index  `json:"if_match"`
	}
	// Purge invalidates cached answers by tag, or all. Soft: serve stale while refreshing.
	Purge struct {
		Tags []string `json:"tags"`
		All  bool     `json:"all"`
		Soft bool     `json:"soft"`
	}
	// MemberChange adds a member as a learner, or changes its role. Region and APIAddress describe a new one.
	MemberChange struct {
		ID         string `json:"id"`
		Address    string `json:"address,omitempty"`
		Role       string `json:"role,omitempty"`
		Region     string `json:"region,omitempty"`
		APIAddress string `json:"api_address,omitempty"`
	}
	// Enlist is how a core tells the cluster who and where it is. Join: it asks to become a learner if it is
	// no member. Fresh: its data directory was empty when it started. History names the life of its state, which
	// a restore begins anew; it is empty where the state has none yet.
	Enlist struct {
		ID      string `json:"id"`
		Region  string `json:"region"`
		Address string `json:"address"` // of its raft listener
		API     string `json:"api"`
		Join    bool   `json:"join"`
		Fresh   bool   `json:"fresh"`
		History string `json:"history,omitempty"`
		Keyring string `json:"keyring,omitempty"` // fingerprint of its key ring
	}
	// CoreNode is where a core answers.
	CoreNode struct {
		ID     string `json:"id"`
		Region string `json:"region"`
		API    string `json:"api"`
	}
	// CoreNodes are the members that have said where they answer.
	CoreNodes struct {
		Cores []CoreNode `json:"cores"`
	}
	// FeedQuery asks for what changed after Cursor. The zero cursor asks where the feed is now.
	FeedQuery struct {
		Edge   string `json:"edge"`
		Region string `json:"region"`
		Cursor Index  `json:"cursor"`
		WaitMS int    `json:"wait_ms"`
	}
	// EdgeAck says that an edge has applied the feed up to Cursor.
	EdgeAck struct {
		Edge   string `json:"edge"`
		Cursor Index  `json:"cursor"`
	}
	// EdgeRenew asks for a lease of 3 s for an edge.
	EdgeRenew struct {
		Edge   string `json:"edge"`
		Region string `json:"region"`
		Cursor Index  `json:"cursor"`
	}
	// OutboxAck says that a consumer is done with a slice.
	OutboxAck struct {
		Consumer string `json:"consumer"`
		Slice    uint64 `json:"slice"`
	}
	// OutboxQuery asks for the oldest slice a consumer has not acknowledged.
	OutboxQuery struct {
		Consumer string `json:"consumer"`
		Max      int    `json:"max"`
	}
)

// StaffIdentity is who a staff credential belongs to.
type StaffIdentity struct {
	Email string `json:"email"`
	Role  string `json:"role"` // merchandiser or operator
	// Token is set only by a sign-in: it goes into the staff cookie.
	Token string `json:"token,omitempty"`
}

// CustomerSession answers a sign-in; the edge puts Token into a cookie and never into a body.
type CustomerSession struct {
	Customer Customer `json:"customer"`
	Token    string   `json:"token"`
}

// FeedBatch is a piece of the change feed. Entries are in index order. Reset: the cursor is not
// known here; everything fetched before Next is stale. Next is the cursor to ask with.
type FeedBatch struct {
	Reset   bool        `json:"reset,omitempty"`
	Entries []FeedEntry `json:"entries"`
	Next    Index       `json:"next"`
}

// FeedEntry says which tags changed at an index. The tag "*" means everything.
// Tags: product:HANDLE, stock:HANDLE, collection:HANDLE, catalogue (any list or search), content.
type FeedEntry struct {
	Index Index    `json:"index"`
	Tags  []string `json:"tags"`
	Soft  bool     `json:"soft,omitempty"`
	// Ack asks the edge to acknowledge at once (a purge waits for it).
	Ack bool `json:"ack,omitempty"`
}

// Tag names, shared by the feed and by cached answers.
const (
	TagAll       = "*"
	TagCatalogue = "catalogue"
	TagContent   = "content"
)

// TagProduct is the tag of a product in words, as pages show it: how many there are changes it from LowStock down. TagStock is that of
// the figure up to AvailableCap. TagCollection is that of a collection.
func TagProduct(handle string) string    { return "product:" + handle }
func TagStock(handle string) string      { return "stock:" + handle }
func TagCollection(handle string) string { return "collection:" + handle }

// OutboxSlice is a fixed run of outbox entries: asked for again, it is the same run. Slice 0 with no entries: nothing to do.
// Numbers of slices are unique within the timeline that the slice names.
type OutboxSlice struct {
	Slice    uint64        `json:"slice"`
	Timeline uint32        `json:"timeline"`
	Entries  []OutboxEntry `json:"entries"`
	// Abandoned says which entries of earlier timelines never were: a restore left them behind.
	Abandoned []Abandoned `json:"abandoned,omitempty"`
}

// Abandoned is the part of a timeline after its entry AfterSeq.
type Abandoned struct {
	Timeline uint32 `json:"timeline"`
	AfterSeq uint64 `json:"after_seq"`
}

// OutboxEntry is one thing that happened. Seq is ever increasing, across timelines too; Timeline is the
// one in which it happened.
type OutboxEntry struct {
	Seq      uint64 `json:"seq"`
	Timeline uint32 `json:"timeline"`
	At       string `json:"at"`
	Type     string `json:"type"` // order_placed, order_refunded, order_cancelled
	Order    Order  `json:"order"`
	// Refunded is what this entry gave back, for order_refunded.
	Refunded *Money `json:"refunded,omitempty"`
	Country  string `json:"country"`
	Visitor  string `json:"visitor,omitempty"`
	Session  string `json:"session,omitempty"`
}

// The endpoints of the core. An edge calls them through coreclient; `core serve` answers them.
var (
	ProductsList   = Endpoint[ProductsQuery, List[Product]]{Name: "products.list"}
	ProductsGet    = Endpoint[ProductQuery, Product]{Name: "products.get"}
	ProductsSet    = Endpoint[ProductSetQuery, List[Product]]{Name: "products.set"}
	CollectionList = Endpoint[Locale, List[Collection]]{Name: "collections.list"}
	CollectionGet  = Endpoint[CollectionQuery, CollectionPage]{Name: "collections.get"}
	Search         = Endpoint[SearchQuery, SearchResult]{Name: "search"}
	Suggest        = Endpoint[SearchQuery, Suggestions]{Name: "search.suggest"}
	ShippingList   = Endpoint[Locale, List[ShippingMethod]]{Name: "shipping.list"}

	CartsCreate  = Endpoint[NewCart, Cart]{Name: "carts.create", Kind: Write}
	CartsGet     = Endpoint[CartQuery, Cart]{Name: "carts.get"}
	CartsPutLine = Endpoint[PutLine, Cart]{Name: "carts.put_line", Kind: Write}
	CheckoutCart = Endpoint[CheckoutRequest, Order]{Name: "carts.checkout", Kind: Write, Slow: true}

	OrdersGet    = Endpoint[OrderQuery, Order]{Name: "orders.get", Kind: Exact}
	OrdersList   = Endpoint[OrdersQuery, List[StaffOrder]]{Name: "orders.list", Kind: Exact}
	OrdersStaff  = Endpoint[OrderQuery, StaffOrder]{Name: "orders.staff_get", Kind: Exact}
	OrdersCancel = Endpoint[OrderAction, StaffOrder]{Name: "orders.cancel", Kind: Write, Slow: true}
	OrdersFulfil = Endpoint[OrderAction, StaffOrder]{Name: "orders.fulfil", Kind: Write}
	OrdersRefund = Endpoint[RefundRequest, StaffOrder]{Name: "orders.refund", Kind: Write, Slow: true}

	CustomersCreate = Endpoint[NewCustomer, CustomerSession]{Name: "customers.create", Kind: Write, Slow: true}
	SessionsCreate  = Endpoint[SignIn, CustomerSession]{Name: "sessions.create", Kind: Write, Slow: true}
	SessionsDelete  = Endpoint[None, None]{Name: "sessions.delete", Kind: Write}
	CustomersMe     = Endpoint[None, Customer]{Name: "customers.me", Kind: Exact}
	CustomersPatch  = Endpoint[CustomerPatch, Customer]{Name: "customers.patch", Kind: Write, Slow: true}
	CustomersErase  = Endpoint[Traces, Erasure]{Name: "customers.erase", Kind: Write}
	CustomersOrders = Endpoint[Page, List[Order]]{Name: "customers.orders", Kind: Exact}
	CustomersExport = Endpoint[None, CustomerExport]{Name: "customers.export", Kind: Exact}

	StaffSession    = Endpoint[StaffSignIn, StaffIdentity]{Name: "staff.sign_in", Kind: Write, Slow: true}
	StaffWhoami     = Endpoint[None, StaffIdentity]{Name: "staff.whoami", Kind: Read}
	StaffProductGet = Endpoint[StaffHandle, StaffProduct]{Name: "staff.products.get", Kind: Exact}
	StaffProducts   = Endpoint[ProductsQuery, List[StaffProduct]]{Name: "staff.products.list", Kind: Exact}
	StaffProductPut = Endpoint[PutProduct, StaffProduct]{Name: "staff.products.put", Kind: Write}
	StaffProductDel = Endpoint[StaffHandle, None]{Name: "staff.products.delete", Kind: Write}
	StaffImport     = Endpoint[ImportProducts, ImportReport]{Name: "staff.products.import", Kind: Write, Slow: true}
	StaffExport     = Endpoint[None, ExportedCSV]{Name: "staff.products.export", Kind: Exact}
	StaffCollection = Endpoint[Collection, Collection]{Name: "staff.collections.put", Kind: Write}
	StaffAssetPut   = Endpoint[Asset, Asset]{Name: "staff.assets.put", Kind: Write}
	StaffAssets     = Endpoint[Page, List[Asset]]{Name: "staff.assets.list", Kind: Exact}
	StockGet        = Endpoint[StockQuery, StockLevel]{Name: "stock.get", Kind: Exact}
	// StockSeen is StockGet as any core knows it, at least as new as the call's least index.
	StockSeen   = Endpoint[StockQuery, StockLevel]{Name: "stock.seen"}
	StockAdjust = Endpoint[AdjustStock, StockLevel]{Name: "stock.adjust", Kind: Write}
	StockSet    = Endpoint[SetStock, StockLevel]{Name: "stock.set", Kind: Write}

	CachePurge = Endpoint[Purge, PurgeResult]{Name: "cache.purge", Kind: Write, Slow: true}
	ClusterGet = Endpoint[None, Cluster]{Name: "cluster.get", Kind: Leader}
	// ClusterSeen is ClusterGet as any core sees it, for when no leader answers.
	ClusterSeen   = Endpoint[None, Cluster]{Name: "cluster.seen", Kind: Read, Slow: true}
	ClusterEnlist = Endpoint[Enlist, CoreNodes]{Name: "cluster.enlist", Kind: Leader, Slow: true}
	ClusterCores  = Endpoint[None, CoreNodes]{Name: "cluster.cores", Kind: Read}
	ClusterJoin   = Endpoint[MemberChange, Cluster]{Name: "cluster.join", Kind: Leader, Slow: true}
	ClusterRemove = Endpoint[MemberChange, Cluster]{Name: "cluster.remove", Kind: Leader, Slow: true}
	ClusterLead   = Endpoint[MemberChange, Cluster]{Name: "cluster.lead", Kind: Leader, Slow: true}

	BackupsGet  = Endpoint[None, Backups]{Name: "backups.get", Kind: Leader, Slow: true}
	BackupsTake = Endpoint[None, Backups]{Name: "backups.take", Kind: Leader, Slow: true}
	Differences = Endpoint[Page, List[Difference]]{Name: "restore.differences", Kind: Exact}

	FeedPoll    = Endpoint[FeedQuery, FeedBatch]{Name: "feed.poll", Slow: true}
	EdgesAck    = Endpoint[EdgeAck, None]{Name: "edges.ack", Kind: Leader}
	EdgesRenew  = Endpoint[EdgeRenew, None]{Name: "edges.renew", Kind: Write}
	OutboxNext  = Endpoint[OutboxQuery, OutboxSlice]{Name: "outbox.next", Kind: Write}
	OutboxDone  = Endpoint[OutboxAck, None]{Name: "outbox.ack", Kind: Write}
	StatusCheck = Endpoint[None, NodeStatus]{Name: "status", Kind: Read}
)

// ExportedCSV is a product export.
type ExportedCSV struct {
	CSV []byte `json:"csv"`
}

// NodeStatus is one core's view of itself.
type NodeStatus struct {
	ID       string `json:"id"`
	Region   string `json:"region"`
	Leader   string `json:"leader"`
	Index    Index  `json:"index"`
	Hash     string `json:"hash"`
	LagMS    int64  `json:"lag_ms"`
	Members  int    `json:"members"`
	Products int    `json:"products"`
}
