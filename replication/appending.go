package replication

import (
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// appending is the batch that has been handed to raft and is not yet in this node's own log. raft writes
// one after the other, so that a further batch would only wait for its turn, and be smaller than one that
// is gathered when it comes. Only one goroutine, the batcher, begins and waits.
type appending struct {
	entry atomic.Pointer[byte] // the first byte of the batch's entry
	done  chan struct{}        // has one element for each batch that was begun, ended and not waited for
	begun bool                 // the batcher's own: it has to wait
}

func newAppending() *appending { return &appending{done: make(chan struct{}, 1)} }

func (a *appending) begin(entry []byte) {
	a.entry.Store(&entry[0])
	a.begun = true
}

// end says that an entry is in the log, or has been refused. Whichever of the two comes first counts; what was
// not begun here, such as an entry of another leader, does not.
func (a *appending) end(entry []byte) {
	if len(entry) > 0 && a.entry.CompareAndSwap(&entry[0], nil) {
		a.done <- struct{}{}
	}
}

// wait returns when nothing is being written, and false if stop was closed before.
func (a *appending) wait(stop <-chan struct{}) bool {
	if !a.begun {
		return true
	}
	select {
	case <-a.done:
		a.begun = false
		return true
	case <-stop:
		return false
	}
}

// appended tells the batcher which entries are in the log.
func (n *Node) appended(ls []*raft.Log) {
	for _, l := range ls {
		n.appending.end(l.Data)
	}
}
