package edge

import (
	"net"
	"sync"
	"time"
)

// answer sends the answer to a head, if it is in the cache.
func (c *conn) answer(v *vector, p []byte, start time.Time) (answered bool, err error) {
	e, body := c.s.shorten(v, p, c.addr, start)
	if e == nil {
		return false, nil
	}
	wait := c.s.cfg.WriteTimeout
	if e.file {
		wait = c.s.slowSending()
	}
	if c.writeBy.Sub(start) < wait {
		c.writeBy = start.Add(wait + time.Second)
		if err := c.SetWriteDeadline(c.writeBy); err != nil {
			return false, err
		}
	}
	if err := c.send(v, body); err != nil {
		return false, err
	}
	if c.readBy.Sub(start) < c.s.cfg.IdleTimeout {
		c.readBy = start.Add(c.s.cfg.IdleTimeout + time.Second)
		return true, c.SetReadDeadline(c.readBy)
	}
	return true, nil
}

// send sends the head in v and a body, which may be none.
func (c *conn) send(v *vector, body *variant) (err error) {
	if body == nil || len(body.body) == 0 {
		_, err = c.TCPConn.Write(v.head)
		return err
	}
	f := c.s.memfiles.of(body)
	if f == nil {
		v.parts = [2][]byte{v.head, body.body}
		v.bufs = v.parts[:]
		_, err = v.bufs.WriteTo(c.TCPConn)
		return err
	}
	if c.writable == nil {
		c.writable = func(fd uintptr) bool {
			o := &c.out
			var done bool
			done, o.err = sendFile(int(fd), &o.head, o.file, &o.sent, o.size)
			return done || o.err != nil
		}
	}
	c.out = sending{head: v.head, file: f, size: len(body.body)}
	err = c.raw.Write(c.writable)
	if err == nil {
		err = c.out.err
	}
	c.out = sending{}
	return err
}

// sending is an answer on its way whose body is in a file.
type sending struct {
	head []byte // what is left of it
	file *memfile
	sent int64
	size int
	err  error
}

// vector is what a request out of the cache needs: what was read, and the answer on its way.
type vector struct {
	in    [maxHeaders]byte
	head  []byte
	parts [2][]byte
	bufs  net.Buffers
}

var vectors = sync.Pool{New: func() any { return &vector{head: make([]byte, 0, 2048)} }}

func (v *vector) release() {
	v.parts, v.bufs = [2][]byte{}, nil
	vectors.Put(v)
}
