package edge

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// An early refusal closes the connection after reading at most this much, for at most this long: a
// client that is still sending would otherwise see a reset instead of the answer.
const (
	drainBytes = 1 << 20
	drainTime  = time.Second
)

// smallBody is what the server rather skips than close the connection.
const smallBody = 16 << 10

var errTooLarge = errors.New("body over the route's limit")

// readBody reads a streamed body into memory of our own, at most limit bytes.
func readBody(ctx *fasthttp.RequestCtx, size, limit int) ([]byte, error) {
	stream := ctx.RequestBodyStream()
	if stream == nil {
		if body := ctx.PostBody(); len(body) <= limit {
			return bytes.Clone(body), nil
		}
		return nil, errTooLarge
	}
	if size >= 0 {
		// size was held against the limit before. A client that does not send it must not make us reserve it.
		var buf bytes.Buffer
		buf.Grow(min(size, bytes.MinRead))
		n, err := buf.ReadFrom(io.LimitReader(stream, int64(size)))
		if err == nil && n < int64(size) {
			err = io.ErrUnexpectedEOF
		}
		return buf.Bytes(), err
	}
	body, err := io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	if err == nil && len(body) > limit {
		err = errTooLarge
	}
	return body, err
}

// slowest is how many bytes a second a line must carry for the largest file to arrive: less than a telephone does on the move.
const slowest = 64 << 10

// sending is how long the answer to a target may take on its way, 0 for as long as others: files may be large.
func (s *Server) sending(target []byte) time.Duration {
	for _, p := range s.files {
		if bytes.HasPrefix(target, p) {
			return s.slowSending()
		}
	}
	return 0
}

// slowSending is how long the largest file may take.
func (s *Server) slowSending() time.Duration {
	return s.cfg.WriteTimeout + time.Duration(s.cfg.MaxEntry)*time.Second/slowest
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// hangUp sends the answer that is set on ctx, reads for a moment what the client is still sending,
// and closes the connection.
func (s *Server) hangUp(ctx *fasthttp.RequestCtx) {
	resp := &fasthttp.Response{}
	ctx.Response.CopyTo(resp)
	resp.Header.SetConnectionClose()
	resp.SkipBody = ctx.IsHead()
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(c net.Conn) {
		_ = c.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
		w := bufio.NewWriter(c)
		if resp.Write(w) != nil || w.Flush() != nil {
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(drainTime))
		_, _ = io.CopyN(io.Discard, c, drainBytes)
	})
}

// refusedPrefix is what the header hook puts before the method of a request whose body must not be
// read. No client can send it: a method has no space.
const refusedPrefix = "TOO LARGE "

// headerReceived runs when a request's head is read and its body is not: it gives the route's time
// to arrive, and makes fasthttp skip a body that is announced larger than the route takes.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	size := h.ContentLength()
	if size == 0 || size == -2 {
		return fasthttp.RequestConfig{WriteTimeout: s.sending(h.RequestURI())}
	}
	limit, wait := s.bodyLimit(h.Method(), h.RequestURI())
	if size > limit {
		h.SetMethod(refusedPrefix + string(h.Method()))
		h.Del("Expect")
		h.SetContentLength(0)
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{ReadTimeout: wait}
}

// bodyLimit is how large a body may be that is sent to a target, and how long it may take.
func (s *Server) bodyLimit(method, target []byte) (limit int, wait time.Duration) {
	if t, err := parseTarget(target); err == nil {
		if m := s.router.find(t.path); m.leaf != nil {
			if b := m.leaf.methods[string(method)]; b != nil {
				return b.MaxBody, s.readTimeout(b)
			}
		}
	}
	return 0, s.cfg.ReadTimeout
}
