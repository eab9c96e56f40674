package api

// Backups says how the backup of the core stands, as its leader sees it.
type Backups struct {
	// Index is where the shop stands: what was written before the answer is not after it.
	Index Index `json:"index"`
	// Complete: if every node were lost now, at most the writes of the last LagMS would be.
	Complete bool `json:"complete"`
	// LagMS is how long the oldest write that is not in the bucket has been waiting, LagMaxMS the
	// longest since this leader leads.
	LagMS    int64  `json:"lag_ms"`
	LagMaxMS int64  `json:"lag_max_ms"`
	Shipped  Index  `json:"shipped"`
	Running  bool   `json:"running"` // a full backup is being written
	Failures uint64 `json:"failures"`
	Problem  string `json:"problem,omitempty"`
	// Foreign: the place in the bucket is another shop's, or another restore's. Nothing is sent there, and
	// what is listed is not of this shop.
	Foreign bool `json:"foreign,omitempty"`
	// Backups are the full backups in the bucket, the newest first.
	Backups []Backup `json:"backups"`
	// Ranges are what can be restored, to any moment in it.
	Ranges  []BackupRange   `json:"ranges"`
	Restore *RestoreOutcome `json:"restore,omitempty"`
}

// Backup is a full backup.
type Backup struct {
	Index Index  `json:"index"`
	At    string `json:"at"` // RFC 3339, log time
	Bytes int64  `json:"bytes"`
	Hash  string `json:"hash"`
}

// BackupRange is a part of a timeline that can be restored to any of its moments.
type BackupRange struct {
	From Index `json:"from"`
	To   Index `json:"to"`
	// FromAt and ToAt are RFC 3339, log time; empty where it is not known.
	FromAt string `json:"from_at,omitempty"`
	ToAt   string `json:"to_at,omitempty"`
}

// RestoreOutcome says what became of the restore that the present timeline began with.
type RestoreOutcome struct {
	Fork Index  `json:"fork"` // the earlier timeline counts up to here
	At   string `json:"at"`   // log time there
	// Done: charges and orders were compared, and the shop sells.
	Done        bool   `json:"done"`
	Charges     uint64 `json:"charges"`
	Differences int    `json:"differences"`
}

// Difference is a charge that did not fit the orders after a restore. Action says what was done: voided
// or refunded (an order that is lost), cancelled (an order whose money is gone), refund_noted (a refund
// that the backup does not know), for_a_person (sent, and not paid), give_back (not done yet).
type Difference struct {
	Order  string `json:"order"`
	Charge string `json:"charge"`
	Key    string `json:"key"`
	Found  string `json:"found"`
	Action string `json:"action"`
	Amount Money  `json:"amount"`
	At     string `json:"at"`
	Done   bool   `json:"done"`
}
