// Package handover passes listening sockets from a running process to the one that replaces it, so that no
// connection is refused or lost in between: the sockets' queues stay in the kernel while both hold them.
//
// The running process offers its sockets at a Unix socket (Offer). Its successor takes them (Take), prepares
// everything it needs, and says that it is ready; the running one then stops what only one of them may do and
// says so; the successor serves and says so; and only then the running one goes. If the successor
// ends at any time before that, the running one goes on as if nothing had been.
//
// A message is one line of JSON; the sockets travel beside the first answer as SCM_RIGHTS (unix(7)).
package handover

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// message is everything the two say. Which field is set says what it is.
type message struct {
	Version int      `json:"version,omitempty"` // the successor's first
	Name    string   `json:"name,omitempty"`    // whose place it takes
	Sockets []string `json:"sockets,omitempty"` // in the order of the descriptors
	Refused string   `json:"refused,omitempty"`
	Step    string   `json:"step,omitempty"`
}

const (
	version     = 1
	stepReady   = "ready"
	stepYielded = "yielded"
	stepServing = "serving"

	maxSockets = 16
	maxMessage = 4096
)

// answerTime is how long either side waits for what the other can say at once.
const answerTime = 10 * time.Second

// peer is one end of the conversation.
type peer struct {
	conn *net.UnixConn
	in   *bufio.Reader
}

func (p *peer) say(m message, rights ...int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	var beside []byte
	if len(rights) > 0 {
		beside = syscall.UnixRights(rights...)
	}
	_, _, err = p.conn.WriteMsgUnix(append(b, '\n'), beside, nil)
	return err
}

// hear reads a message; zero patience waits for as long as the other lives.
func (p *peer) hear(patience time.Duration) (m message, err error) {
	var end time.Time
	if patience > 0 {
		end = time.Now().Add(patience)
	}
	if err := p.conn.SetReadDeadline(end); err != nil {
		return m, err
	}
	line, err := p.in.ReadSlice('\n')
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("%q is not a message: %w", line, err)
	}
	return m, nil
}

// ErrRefused is the error of a successor that the running process does not give its sockets to.
var ErrRefused = errors.New("the running process refuses to be replaced")

// nobody reports whether an error of dialing says that no process listens there.
func nobody(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}
