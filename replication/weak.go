package replication

// weakened takes protections away, so that tests see what they are for. Nothing outside this package's
// tests can set it.
type weakened struct {
	fastHeartbeats bool // heartbeats take raft's fast path: hashicorp/raft#695
	noStallWatch   bool // nobody looks whether raft is stuck: hashicorp/raft#697
	joinRunning    bool // a read joins a verification that is under way
	noInbox        bool // requests reach raft as they were sent
	lateCheckpoint bool // a snapshot does not wait for a checkpoint
	noCatchUp      bool // a state behind the newest snapshot is not brought up to it at start
}
