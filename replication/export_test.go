package replication

// What tests may take away, to see that it matters.

// WithoutHeartbeatGuard lets heartbeats change the term beside the main goroutine.
func WithoutHeartbeatGuard(c *Config) { c.weak.fastHeartbeats = true }

// WithoutStallWatch lets a node that is stuck stay stuck.
func WithoutStallWatch(c *Config) { c.weak.noStallWatch = true }

// WithReadsJoiningLate lets a read join a verification that began before it.
func WithReadsJoiningLate(c *Config) { c.weak.joinRunning = true }

// WithCheckpointsLate lets the log be cut before the state is durable.
func WithCheckpointsLate(c *Config) { c.weak.lateCheckpoint = true }

// WithoutCatchUp starts with whatever state there is.
func WithoutCatchUp(c *Config) { c.weak.noCatchUp = true }

// WithoutInbox hands raft every request as it was sent.
func WithoutInbox(c *Config) { c.weak.noInbox = true }
