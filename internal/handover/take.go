package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// Taken are the sockets of a process that still runs.
type Taken struct {
	Listeners map[string]net.Listener
	peer      *peer
}

// Take asks the process that offers its sockets at path for them. It returns nil if there is none.
func Take(ctx context.Context, path, name string) (*Taken, error) {
	c, err := (&net.Dialer{Timeout: answerTime}).DialContext(ctx, "unix", path)
	if nobody(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	t := &Taken{Listeners: map[string]net.Listener{}, peer: &peer{conn: c.(*net.UnixConn)}}
	if err := t.take(name); err != nil {
		return nil, errors.Join(fmt.Errorf("take over at %s: %w", path, err), t.Close())
	}
	return t, nil
}

func (t *Taken) take(name string) error {
	if err := t.peer.say(message{Version: version, Name: name}); err != nil {
		return err
	}
	m, files, err := t.sockets()
	defer func() {
		for _, f := range files {
			_ = f.Close() // a listener has a descriptor of its own
		}
	}()
	switch {
	case err != nil:
		return err
	case m.Refused != "":
		return fmt.Errorf("%w: %s", ErrRefused, m.Refused)
	case len(files) != len(m.Sockets):
		return fmt.Errorf("%d sockets came and %d were named", len(files), len(m.Sockets))
	}
	for i, f := range files {
		ln, err := net.FileListener(f)
		if err != nil {
			return fmt.Errorf("the socket %s: %w", m.Sockets[i], err)
		}
		t.Listeners[m.Sockets[i]] = ln
	}
	return nil
}

// sockets reads the first answer with what came beside it. It is one message of the kernel's, so the line is
// whole.
func (t *Taken) sockets() (m message, files []*os.File, err error) {
	if err := t.peer.conn.SetReadDeadline(later(answerTime)); err != nil {
		return m, nil, err
	}
	line, beside := make([]byte, maxMessage), make([]byte, syscall.CmsgSpace(4*maxSockets))
	n, nb, _, _, err := t.peer.conn.ReadMsgUnix(line, beside)
	if err != nil {
		return m, nil, err
	}
	t.peer.in = bufio.NewReaderSize(t.peer.conn, maxMessage)
	controls, err := syscall.ParseSocketControlMessage(beside[:nb])
	if err != nil {
		return m, nil, err
	}
	for _, c := range controls {
		fds, err := syscall.ParseUnixRights(&c)
		if err != nil {
			return m, files, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "socket"))
		}
	}
	if err := json.Unmarshal(line[:n], &m); err != nil {
		return m, files, fmt.Errorf("%q is not a message: %w", line[:n], err)
	}
	return m, files, nil
}

// Ready says that everything is prepared, and returns when the running process has yielded.
func (t *Taken) Ready() error {
	if err := t.peer.say(message{Step: stepReady}); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	m, err := t.peer.hear(answerTime)
	if err != nil || m.Step != stepYielded {
		return fmt.Errorf("take over: the running process did not yield: %w", orUnexpected(err, m))
	}
	return nil
}

// Serving lets the running process go.
func (t *Taken) Serving() error {
	if err := t.peer.say(message{Step: stepServing}); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	return nil
}

// Close ends the conversation; before Serving, the running process goes on. The listeners stay open.
func (t *Taken) Close() error { return t.peer.conn.Close() }
